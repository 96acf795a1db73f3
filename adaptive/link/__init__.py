"""What the daemon and its applications share: the plan, its page in memory, the messages."""
