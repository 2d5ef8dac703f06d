"""The window: its parts, its menus, and the modes it can be in."""
