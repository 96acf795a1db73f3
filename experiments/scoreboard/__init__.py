"""Every governor against the offline bound, on boards that are not what their files say."""
