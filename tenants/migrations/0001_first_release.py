import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
import lib.theme
from django.conf import settings
from django.db import migrations, models


def default_proofs() -> list[str]:
    return ["press"]


class Migration(migrations.Migration):

    initial = True

    replaces = [
        ('tenants', '0001_initial'),
        ('tenants', '0002_logo_digest'),
        ('tenants', '0003_registration'),
        ('tenants', '0004_people'),
        ('tenants', '0005_api'),
        ('tenants', '0006_log_by_group'),
        ('tenants', '0007_assign_log'),
        ('tenants', '0008_account_events'),
        ('tenants', '0009_require_two_factor'),
    ]

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Group',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('path', models.CharField(max_length=255, unique=True)),
                ('depth', models.PositiveIntegerField()),
                ('numchild', models.PositiveIntegerField(default=0)),
                ('name', models.CharField(max_length=120)),
                ('archived_at', models.DateTimeField(blank=True, editable=False, null=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Organisation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slug', models.SlugField(unique=True)),
                ('window_seconds', models.PositiveIntegerField(default=300, validators=[django.core.validators.MinValueValidator(30)])),
                ('allow_reprovisioning', models.BooleanField(default=False)),
                ('proof_methods', models.JSONField(default=default_proofs)),
                ('activation_hours', models.PositiveIntegerField(default=48, validators=[django.core.validators.MinValueValidator(1)])),
                ('result_hours', models.PositiveIntegerField(default=24, validators=[django.core.validators.MinValueValidator(1)])),
                ('require_two_factor', models.BooleanField(db_default=False, default=False)),
                ('label_content', models.CharField(choices=[('serial', 'The serial alone'), ('url', "This site's address for the device")], default='serial', max_length=8)),
                ('identity', models.JSONField(blank=True, default=dict)),
                ('colour', models.CharField(default='#0f5cc0', max_length=7, validators=[django.core.validators.RegexValidator('^#[0-9a-f]{6}\\Z')])),
                ('logo', models.BinaryField(blank=True, null=True, validators=[lib.theme.validate_logo])),
                ('logo_digest', models.CharField(blank=True, editable=False, max_length=12)),
                ('root', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='organisation', to='tenants.group')),
            ],
        ),
        migrations.CreateModel(
            name='User',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('email', models.EmailField(max_length=254, unique=True)),
                ('name', models.CharField(blank=True, max_length=120)),
                ('is_active', models.BooleanField(default=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('epoch', models.PositiveIntegerField(default=0, editable=False)),
                ('organisation', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='users', to='tenants.organisation')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Membership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.PositiveSmallIntegerField(choices=[(10, 'viewer'), (20, 'technician'), (30, 'admin')])),
                ('group', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='memberships', to='tenants.group')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('user', 'group'), name='one_membership_per_group'), models.CheckConstraint(condition=models.Q(('role__in', [10, 20, 30])), name='membership_role_is_known')],
            },
        ),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.PositiveSmallIntegerField(choices=[(10, 'viewer'), (20, 'technician'), (30, 'admin')])),
                ('email', models.EmailField(max_length=254)),
                ('token_hash', models.CharField(editable=False, max_length=64, unique=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('sent_at', models.DateTimeField(blank=True, null=True)),
                ('expires_at', models.DateTimeField()),
                ('accepted_at', models.DateTimeField(blank=True, null=True)),
                ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('group', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='invitations', to='tenants.group')),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='invitations', to='tenants.organisation')),
            ],
            options={
                'ordering': ['email', 'pk'],
                'indexes': [models.Index(fields=['organisation', 'created_at'], name='tenants_inv_organis_808443_idx')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('accepted_at', None), ('withdrawn_at', None)), fields=('group', 'email'), name='one_waiting_invitation'), models.CheckConstraint(condition=models.Q(('role__in', [10, 20, 30])), name='invitation_role_is_known')],
            },
        ),
        migrations.CreateModel(
            name='Change',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('group_name', models.CharField(db_default='', max_length=120)),
                ('what', models.CharField(max_length=300)),
                ('data', models.JSONField(default=dict)),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('group', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='changes', to='tenants.group')),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='changes', to='tenants.organisation')),
            ],
            options={
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['organisation', '-id'], name='tenants_cha_organis_8af7ee_idx')],
            },
        ),
        migrations.CreateModel(
            name='ApiToken',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120)),
                ('role', models.PositiveSmallIntegerField(choices=[(10, 'viewer'), (20, 'technician'), (30, 'admin')])),
                ('prefix', models.CharField(editable=False, max_length=12)),
                ('secret_hash', models.BinaryField(max_length=32, unique=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('last_used_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tokens', to=settings.AUTH_USER_MODEL)),
                ('group', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.group')),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tokens', to='tenants.organisation')),
            ],
            options={
                'ordering': ['-id'],
                'constraints': [models.CheckConstraint(condition=models.Q(('role__in', [10, 20, 30])), name='token_role_is_known')],
            },
        ),
        migrations.CreateModel(
            name='AccountEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('signed-in', 'Signed in'), ('refused', 'Wrong password'), ('code-refused', 'Wrong two-factor code'), ('disabled', 'Tried to sign in to a disabled account'), ('signed-out', 'Signed out'), ('signed-out-everywhere', 'Signed out everywhere'), ('session-ended', 'Signed out another browser'), ('password-changed', 'Password changed'), ('password-reset', 'Password reset by a mailed link'), ('two-factor-on', 'Two-factor sign-in turned on'), ('two-factor-off', 'Two-factor sign-in turned off'), ('codes-made', 'New recovery codes made'), ('token-made', 'API token made'), ('tokens-revoked', 'API tokens revoked')], max_length=24)),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('address', models.GenericIPAddressField(null=True)),
                ('device', models.CharField(blank=True, max_length=40)),
                ('data', models.JSONField(default=dict)),
                ('unsent', models.BooleanField(db_default=False, default=False)),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='account_events', to=settings.AUTH_USER_MODEL)),
                ('organisation', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.organisation')),
            ],
            options={
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['user', '-id'], name='tenants_acc_user_id_e5128d_idx'), models.Index(fields=['organisation', '-id'], name='tenants_acc_organis_95c28a_idx'), models.Index(fields=['at'], name='tenants_acc_at_a65041_idx'), models.Index(condition=models.Q(('unsent', True)), fields=['id'], name='account_event_unsent')],
            },
        ),
        migrations.CreateModel(
            name='Replay',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=255)),
                ('route', models.CharField(max_length=255)),
                ('digest', models.BinaryField(max_length=32)),
                ('status', models.PositiveSmallIntegerField(default=0)),
                ('location', models.CharField(blank=True, max_length=500)),
                ('body', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), db_index=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('user', 'key'), name='idempotency_key_once')],
            },
        ),
    ]
