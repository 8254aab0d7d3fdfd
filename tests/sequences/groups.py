"""Steps that change the tree."""

from __future__ import annotations

from tests.sequences.base import Site
from tests.sequences.naive import ROOT


class Groups(Site):
    def create(self) -> None:
        key, parent = f"g{self.number}", self.group()
        name = f"Group {self.number:03}"
        answer = self.owner.post("groups/", {"name": name, "parent": self.pks[parent]})
        if self.agreed(answer, self.naive.takes_groups(parent)):
            self.pks[key] = answer.json()["id"]
            self.naive.parent[key], self.naive.name[key] = parent, name
            self.naive.log.append((key, f"Group {name} made in {self.naive.name[parent]}"))

    def move(self) -> None:
        naive, key, to = self.naive, self.group(), self.group()
        left = naive.parent[key]
        allowed = bool(left) and key not in naive.line(to) and naive.takes_groups(to)
        answer = self.owner.post(f"groups/{self.pks[key]}/move/", {"parent": self.pks[to]})
        if self.agreed(answer, allowed) and left:
            naive.parent[key] = to
            naive.log.append((key, f"{naive.name[key]} moved into {naive.name[to]}"))
            if left != to:
                naive.log.append((left, f"{naive.name[key]} moved out of {naive.name[left]}"))

    def delete(self) -> None:
        key = self.any(key for key in self.naive.parent if not self.naive.has_children(key))
        above = self.naive.parent[key]
        if self.agreed(self.owner.delete(f"groups/{self.pks[key]}/"), self.naive.may_go(key)) and above:
            self.naive.forget(key)
            self.naive.log.append((above, f"Group {self.naive.name[key]} deleted"))

    def rename(self) -> None:
        key, name = self.group(), f"Renamed {self.number:03}"
        assert self.owner.patch(f"groups/{self.pks[key]}/", {"name": name}).status_code == 200
        self.naive.log.append((key, f"{self.naive.name[key]} renamed to {name}"))
        self.naive.name[key] = name

    def archive(self) -> None:
        key = self.group()
        allowed = key != ROOT and not self.naive.has_children(key) and not self.naive.holds(key)
        if self.agreed(self.owner.post(f"groups/{self.pks[key]}/archive/"), allowed):
            self.naive.archived.add(key)

    def restore(self) -> None:
        key = self.any(self.naive.archived) or self.group()
        if self.agreed(self.owner.post(f"groups/{self.pks[key]}/restore/"), key != ROOT):
            self.naive.archived.discard(key)
