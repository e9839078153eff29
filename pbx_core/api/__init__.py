"""The interface for programs and phones: live state, call control, the model, metrics, provisioning; over HTTPS."""
