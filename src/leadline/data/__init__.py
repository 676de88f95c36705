"""Where truth comes from: frames of colour and measured depth."""
