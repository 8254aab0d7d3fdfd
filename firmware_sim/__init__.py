"""A pretend gateway with a believable generator behind it. It knows only docs/protocol.md."""
