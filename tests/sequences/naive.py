"""What everybody may see, worked out from plain facts. It knows no paths, no queries and no clock."""

from __future__ import annotations

from dataclasses import dataclass, field

from tenants.models import Role

ROOT = "root"


@dataclass
class Person:
    """`signed_in`: whether the browser's session is still to be answered."""

    roles: dict[str, Role] = field(default_factory=dict)
    member: bool = True
    active: bool = True
    signed_in: bool = True


@dataclass
class Token:
    person: str
    group: str
    role: Role
    ended: bool = False


@dataclass
class Machine:
    """A device; what a tenant wrote and what was reported belongs to the assignment, or to the time in no group."""

    group: str | None = None
    person: str | None = None  # whose it is within the group
    name: str = ""
    marks: list[str] = field(default_factory=list)
    loose: list[str] = field(default_factory=list)  # reported in no group
    former: list[str] = field(default_factory=list)  # names and marks of assignments that ended
    retired: bool = False

    @property
    def shown(self) -> list[str]:
        return self.marks if self.group else self.loose

    @property
    def hidden(self) -> list[str]:
        return [*self.former, *(self.loose if self.group else [])]


@dataclass
class Secret:
    """What a device got; within an assignment it ends with it."""

    serial: str
    within: bool
    works: bool = True


@dataclass
class File:
    """Secrets made for a person to take once."""

    person: str
    address: str
    secrets: dict[str, Secret]
    taken: bool = False


@dataclass
class Told:
    """A device came into a group, left one, or both; was retired or brought back there; or was removed, of no group."""

    kind: str
    serial: str
    group: str | None
    former: str | None = None


class Grants(list[tuple[Role, str]]):
    """Whose they are, as a person or through a token."""

    def __init__(self, person: str, held: list[tuple[Role, str]]) -> None:
        super().__init__(held)
        self.person = person


@dataclass
class Naive:
    """Groups by a key that nothing else ever has."""

    parent: dict[str, str | None]
    name: dict[str, str]
    people: dict[str, Person] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    machines: dict[str, Machine] = field(default_factory=dict)
    secrets: list[Secret] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    archived: set[str] = field(default_factory=set)
    lived: set[str] = field(default_factory=set)  # a device was in it, ever
    invited: set[str] = field(default_factory=set)
    log: list[tuple[str, str]] = field(default_factory=list)  # (group, what)
    placed: list[Told] = field(default_factory=list)
    ended: list[Told] = field(default_factory=list)

    # The tree -----------------------------------------------------------------------------------

    def line(self, key: str) -> list[str]:
        above = self.parent[key]
        return [key, *(self.line(above) if above else [])]

    def has_children(self, key: str) -> bool:
        return key in self.parent.values()

    def holds(self, key: str) -> bool:
        return any(machine.group == key and not machine.retired for machine in self.machines.values())

    def takes_groups(self, key: str) -> bool:
        return not self.holds(key) and key not in self.archived

    def takes_devices(self, key: str) -> bool:
        return not self.has_children(key) and key not in self.archived

    def has_members(self, key: str) -> bool:
        return any(key in person.roles for person in self.people.values())

    def may_go(self, key: str) -> bool:
        used = self.has_children(key) or self.holds(key) or key in self.lived
        return key != ROOT and not used and not self.has_members(key) and key not in self.invited

    # Rights -------------------------------------------------------------------------------------

    def grants(self, name: str) -> Grants:
        person = self.people[name]
        held = [(role, key) for key, role in person.roles.items()] if person.active and person.member else []
        return Grants(name, held)

    def grants_of_token(self, name: str) -> Grants:
        """The lower role in the deeper group, of each role of the person that meets the token's."""
        token = self.tokens[name]
        left = Grants(token.person, [])
        for role, key in [] if token.ended else self.grants(token.person):
            if key in self.line(token.group):
                left.append((min(role, token.role), token.group))
            elif token.group in self.line(key):
                left.append((min(role, token.role), key))
        return left

    def reached(self, grants: Grants, role: Role = Role.VIEWER) -> set[str]:
        mine = {key for granted, key in grants if granted >= role}
        return {key for key in self.parent if mine & set(self.line(key))}

    def machines_of(self, grants: Grants, role: Role = Role.VIEWER) -> set[str]:
        reached = self.reached(grants, role)
        owns = (Role.ADMIN, ROOT) in grants
        managed = self.reached(grants, Role.ADMIN)
        return {
            serial
            for serial, each in self.machines.items()
            if (each.group in reached and (each.group in managed or each.person in {None, grants.person}))
            or (owns and not each.group)
        }

    def listed(self, grants: Grants, role: Role = Role.VIEWER) -> set[str]:
        """Those seen, less the retired."""
        return {serial for serial in self.machines_of(grants, role) if not self.machines[serial].retired}

    def told(self, grants: Grants) -> set[str]:
        managed = self.reached(grants, Role.ADMIN)
        return {what for about, what in self.log if about in managed}

    def read(self, grants: Grants, facts: list[Told]) -> list[tuple[str, str, str | None]]:
        """Kind, serial and group of each fact that they may read of, the last one first.

        Whom a device left is told so, and not where it went.
        """
        managed = self.reached(grants, Role.ADMIN)
        owns = (Role.ADMIN, ROOT) in grants
        return [
            (told.kind, told.serial, told.group if owns or told.group in managed else told.former)
            for told in reversed(facts)
            if owns or {told.group, told.former} & managed
        ]

    # What happens -------------------------------------------------------------------------------

    def forget(self, key: str) -> None:
        """A group is deleted: its log goes up, its tokens end."""
        above = self.parent.pop(key)
        assert above
        self.log = [(above if about == key else about, what) for about, what in self.log]
        self.archived.discard(key)
        for token in self.tokens.values():
            token.ended |= token.group == key

    def lose(self, name: str) -> None:
        """A right: whatever the person was signed in with has ended."""
        self.people[name].signed_in = False
        for token in self.tokens.values():
            token.ended |= token.person == name

    def hand_over(self, serial: str, group: str | None, name: str, person: str | None = None) -> None:
        self.revoke(serial, within=True)
        machine = self.machines[serial]
        self.note_placement(serial, machine, group, person)
        former = [*machine.former, *machine.marks, *([machine.name] if machine.group else [])]
        self.machines[serial] = Machine(
            group, person, name, loose=machine.loose, former=former, retired=machine.retired
        )
        if group:
            self.lived.add(group)

    def note_placement(self, serial: str, was: Machine, group: str | None, person: str | None) -> None:
        if group is None:
            assert was.group
            self.placed.append(Told("released", serial, was.group))
        elif was.group not in {None, group}:
            self.placed.append(Told("moved", serial, group, was.group))
        elif was.group is None or was.person == person:
            self.placed.append(Told("provisioned", serial, group))
        else:
            self.placed.append(Told("assigned" if person else "unassigned", serial, group))

    def has_role(self, name: str, key: str) -> bool:
        """Whether they have any there, be they disabled or not."""
        return bool(self.people[name].roles.keys() & set(self.line(key)))

    def settle(self) -> None:
        """Who has no role in the group any more has no device there."""
        for serial, machine in sorted(self.machines.items()):
            if machine.person and machine.group and not self.has_role(machine.person, machine.group):
                self.hand_over(serial, machine.group, serial)

    def note_end(self, kind: str, serial: str) -> None:
        self.ended.append(Told(kind, serial, self.machines[serial].group))

    def revoke(self, serial: str, *, within: bool) -> None:
        """All that works; `within`: only what was issued within an assignment."""
        for secret in self.secrets:
            secret.works &= secret.serial != serial or (within and not secret.within)

    def issue(self, serial: str) -> Secret:
        self.secrets.append(secret := Secret(serial, within=self.machines[serial].group is not None))
        return secret

    def take(self, file: File) -> set[str]:
        """The devices whose secrets are in the file; what was made for others is revoked."""
        managed = self.machines_of(self.grants(file.person), Role.ADMIN)
        for serial, secret in file.secrets.items():
            secret.works &= serial in managed
        file.taken = True
        return {serial for serial, secret in file.secrets.items() if secret.works}
