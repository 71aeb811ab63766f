"""The dialogs: each fills the screen with a title on a rule, what it asks, and its buttons in one place."""
