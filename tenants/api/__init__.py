"""The people-facing REST API's conventions (docs/api.md), shared by every room, and what it says of groups and oneself."""
