"""The people-facing REST API's conventions (docs/api.md), for every room; and its groups, and oneself."""
