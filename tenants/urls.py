from django.urls import path

from tenants.accounts import api as me
from tenants.accounts import session_views
from tenants.accounts import views as accounts
from tenants.audit import api as api_changes
from tenants.groups import api
from tenants.groups import views as groups
from tenants.organisations import api as api_settings
from tenants.organisations import views as settings
from tenants.people import api as api_people
from tenants.people import invitation_api as api_invitations
from tenants.people import invitation_views
from tenants.people import views as people
from tenants.push import views as push
from tenants.tokens import api as api_tokens
from tenants.tokens import views as tokens

app_name = "tenants"
urlpatterns = [
    path("account/", accounts.account, name="account"),
    path("account/clock/", accounts.save_clock, name="clock"),
    path("account/mails/", accounts.save_mails, name="mails"),
    path("account/push/key/", push.key, name="push-key"),
    path("account/push/subscribe/", push.subscribe, name="push-subscribe"),
    path("account/push/remove/", push.remove, name="push-remove"),
    path("account/sign-out/", accounts.sign_out_everywhere, name="sign-out-everywhere"),
    path("account/sessions/", session_views.sessions, name="sessions"),
    path("account/sessions/end/", session_views.end, name="session-end"),
    path("account/sessions/end-others/", session_views.end_others, name="sessions-end-others"),
    path("account/leave/", accounts.leave, name="leave"),
    path("theme/<slug:slug>-<str:digest>.css", accounts.theme, name="theme"),
    path("logo/<slug:slug>-<str:digest>.png", accounts.logo, name="logo"),
    path("groups/", groups.groups, name="groups"),
    path("groups/choices/", groups.choices, name="group-choices"),
    path("groups/<int:pk>/", groups.show_group, name="group"),
    path("groups/<int:pk>/children/", groups.children, name="group-children"),
    path("groups/<int:pk>/new/", groups.create, name="group-create"),
    path("groups/<int:pk>/rename/", groups.rename, name="group-rename"),
    path("groups/<int:pk>/move/", groups.move, name="group-move"),
    path("groups/<int:pk>/move/confirm/", groups.move_confirm, name="group-move-confirm"),
    path("groups/<int:pk>/archive/", groups.archive, name="group-archive"),
    path("groups/<int:pk>/restore/", groups.restore, name="group-restore"),
    path("groups/<int:pk>/delete/", groups.delete, name="group-delete"),
    path("groups/<int:pk>/invite/", invitation_views.invite, name="invite"),
    path("groups/<int:pk>/invite/send/", invitation_views.send, name="invite-send"),
    path("people/", people.list_people, name="people"),
    path("people/invite/", people.invite_where, name="invite-where"),
    path("people/invite/again/", invitation_views.again, name="invite-again"),
    path("people/invite/withdraw/", invitation_views.withdraw, name="invite-withdraw"),
    path("people/<int:pk>/", people.person, name="person"),
    path("people/<int:pk>/role/", people.change_role, name="person-role"),
    path("people/<int:pk>/role/remove/", people.remove_role, name="person-role-remove"),
    path("people/<int:pk>/active/", people.set_active, name="person-active"),
    path("people/<int:pk>/remove/", people.expel, name="person-remove"),
    path("invitations/", invitation_views.join, name="join"),
    path("invitations/accept/", invitation_views.accept, name="accept"),
    path("invitations/<str:token>/", invitation_views.open_invitation, name="invitation"),
    path("settings/", settings.settings, name="settings"),
    path("settings/save/", settings.save, name="settings-save"),
    path("settings/theme.css", settings.preview, name="theme-preview"),
    path("log/accounts/", session_views.log, name="account-log"),
    path("tokens/", tokens.tokens, name="tokens"),
    path("tokens/new/", tokens.token_create, name="token-create"),
    path("tokens/<int:pk>/revoke/", tokens.token_revoke, name="token-revoke"),
    path("api/v1/me/", me.MeView.as_view(), name="api-me"),
    path("api/v1/groups/", api.Groups.as_view(), name="api-groups"),
    path("api/v1/groups/<int:pk>/", api.OneGroup.as_view(), name="api-group"),
    path("api/v1/groups/<int:pk>/move/", api.GroupMove.as_view(), name="api-group-move"),
    path("api/v1/groups/<int:pk>/archive/", api.GroupArchive.as_view(), name="api-group-archive"),
    path("api/v1/groups/<int:pk>/restore/", api.GroupRestore.as_view(), name="api-group-restore"),
    path("api/v1/people/", api_people.People.as_view(), name="api-people"),
    path("api/v1/people/<int:pk>/", api_people.OnePerson.as_view(), name="api-person"),
    path("api/v1/people/<int:pk>/disable/", api_people.Disable.as_view(), name="api-person-disable"),
    path("api/v1/people/<int:pk>/enable/", api_people.Enable.as_view(), name="api-person-enable"),
    path(
        "api/v1/people/<int:pk>/memberships/<int:membership>/",
        api_people.OneMembership.as_view(),
        name="api-membership",
    ),
    path("api/v1/invitations/", api_invitations.Invitations.as_view(), name="api-invitations"),
    path("api/v1/invitations/<int:pk>/", api_invitations.OneInvitation.as_view(), name="api-invitation"),
    path("api/v1/invitations/<int:pk>/again/", api_invitations.Again.as_view(), name="api-invitation-again"),
    path("api/v1/settings/", api_settings.Settings.as_view(), name="api-settings"),
    path("api/v1/changes/", api_changes.Changes.as_view(), name="api-changes"),
    path("api/v1/tokens/", api_tokens.Tokens.as_view(), name="api-tokens"),
    path("api/v1/tokens/<int:pk>/", api_tokens.OneToken.as_view(), name="api-token"),
]
