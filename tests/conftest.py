import os

from hypothesis import settings

# A busy machine is not a bug: judge values, not how long an example took.
settings.register_profile("explore", deadline=None)
# A change is judged on the same examples each time; new ones are found at the desk.
settings.register_profile("repeat", deadline=None, derandomize=True)
settings.load_profile("repeat" if os.environ.get("CI") else "explore")
