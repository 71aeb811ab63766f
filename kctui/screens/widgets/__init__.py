"""The console's own widgets: what Textual has not, or has not calmly enough."""
