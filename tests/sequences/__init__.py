"""Random sequences of what people do, beside a naive model of what everybody may see then."""
