"""The organisation's journal: every event of its devices, groups and people, for those who may read it."""
