"""Steps that change who may do what."""

from __future__ import annotations

from django.db.models import F

from tenants.models import ApiToken, Group, Membership, Role, User
from tenants.people import invitations
from tenants.tokens import operations as tokens
from tests.devices.api import Program
from tests.sequences.base import Site
from tests.sequences.naive import ROOT, Token

ROLES = list(Role)


class People(Site):
    def invite(self) -> None:
        """Asked for and accepted; the mail's link has tests of its own."""
        name, key, role = self.other(), self.group(), self.random.choice(ROLES)
        if key in self.naive.archived:
            return
        person, user = self.naive.people[name], self.users[name]
        group = Group.objects.get(pk=self.pks[key])
        made = invitations.prepare(email=user.email, group=group, role=role, by=self.users["owner"])
        self.naive.log.append((key, f"{user.email} invited as {role.label} of {group}"))
        if not person.active:
            self.naive.invited.add(key)
            return
        invitations.accept(invitation=made.invitation, user=User.objects.get(pk=user.pk))
        self.naive.log.append((key, f"{user} accepted the invitation as {role.label} of {group}"))
        person.member, person.roles[key] = True, max(role, person.roles.get(key, role))

    def change_role(self) -> None:
        if (held := self._held()) is None:
            return
        name, key, row = held
        before = self.naive.people[name].roles[key]
        role = self.random.choice([role for role in ROLES if role != before])
        answer = self.owner.patch(f"people/{self.users[name].pk}/memberships/{row}/", {"role": role.label})
        assert answer.status_code == 200, answer.content
        self.naive.people[name].roles[key] = role
        what = f"{self.users[name]} became {role.label} of {self.naive.name[key]}, was {before.label}"
        self.naive.log.append((key, what))
        if role < before:
            self.naive.lose(name)

    def remove_role(self) -> None:
        if (held := self._held()) is None:
            return
        name, key, row = held
        before = self.naive.people[name].roles.pop(key)
        assert self.owner.delete(f"people/{self.users[name].pk}/memberships/{row}/").status_code == 204
        what = f"{self.users[name]} is no longer {before.label} of {self.naive.name[key]}"
        self.naive.log.append((key, what))
        self.naive.lose(name)

    def _held(self) -> tuple[str, str, int] | None:
        rows = {(name, key) for name, person in self.naive.people.items() if name != "owner" for key in person.roles}
        if not rows:
            return None
        name, key = self.any(rows)
        return name, key, Membership.objects.get(user=self.users[name], group=self.pks[key]).pk

    def disable(self) -> None:
        name = self.other()
        if self.naive.people[name].member:
            assert self.owner.post(f"people/{self.users[name].pk}/disable/").status_code == 200
            if self.naive.people[name].active:
                self.naive.lose(name)
            self.naive.people[name].active = False

    def enable(self) -> None:
        name = self.any(name for name, person in self.naive.people.items() if person.member and not person.active)
        if name:
            assert self.owner.post(f"people/{self.users[name].pk}/enable/").status_code == 200
            self.naive.people[name].active = True

    def expel(self) -> None:
        name = self.other()
        if self.naive.people[name].member:
            assert self.owner.delete(f"people/{self.users[name].pk}/").status_code == 204
            self.naive.people[name].member, self.naive.people[name].roles = False, {}
            self.naive.log.append((ROOT, f"{self.users[name]} removed from the organisation"))
            self.naive.lose(name)

    def make_token(self) -> None:
        name = self.other()
        role = self.random.choice(ROLES)
        if (key := self.any(self.naive.reached(self.naive.grants(name), role))) is None:
            return
        user, group = User.objects.get(pk=self.users[name].pk), Group.objects.get(pk=self.pks[key])
        self.narrow[called := f"t{self.number}"] = Program(user, group, role)
        self.naive.tokens[called] = Token(name, key, role)
        self.token_pks[called] = ApiToken.objects.latest("pk").pk

    def end_token(self) -> None:
        called = self.any(called for called, token in self.naive.tokens.items() if not token.ended)
        if called:
            token = ApiToken.objects.filter(pk=self.token_pks[called])
            if self.random.random() < 0.5:
                token.update(expires_at=F("created_at"))
            else:
                tokens.revoke(token=token.get(), by=self.users["owner"])
            self.naive.tokens[called].ended = True

    def make_technician(self) -> None:
        """A technician for sure, so that windows come about."""
        name, key = self.other(), self.group()
        person = self.naive.people[name]
        if person.active and person.member and key not in person.roles:
            user, group = self.users[name], Group.objects.get(pk=self.pks[key])
            Membership.objects.create(user=user, group=group, role=Role.TECHNICIAN)
            person.roles[key] = Role.TECHNICIAN
