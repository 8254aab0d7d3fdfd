"""What is printed on a device: the symbol, the label around it, sheets of them as PDF."""
