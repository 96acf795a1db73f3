"""The daemon: a guest on a board that governs one application and leaves things as they were."""
