"""What an encoder that others trained reads beside something larger, with its controls."""
