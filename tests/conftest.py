from hypothesis import settings

# A busy machine is not a bug: judge values, not how long an example took.
settings.register_profile("default", deadline=None)
settings.load_profile("default")
