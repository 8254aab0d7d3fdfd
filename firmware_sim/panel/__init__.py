"""The web page that shows gateways as things."""
