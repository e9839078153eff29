"""What every kind of test shares: waiting without sleeping blindly, free ports, two tenants."""
