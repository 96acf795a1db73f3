"""Everything that can go wrong on purpose.

::

    AdaptiveError
    ├── ConfigError               a board, points or scenario file, or a command line, is wrong
    ├── ArtifactError             an exported network cannot be read, or does not fit the request
    ├── ExecutorError             work handed to other processes or machines cannot be finished
    ├── EngineError               the native engine is not built, or cannot run as asked
    └── PlatformError             the board did not do what it was asked
        └── TransientPlatformError    the same request may succeed next period
"""


class AdaptiveError(Exception):
    """Base of every error this package raises for its users; the message is one line."""


class ConfigError(AdaptiveError):
    """A file or an argument is wrong; names the file, the field, the value and the expectation."""


class ArtifactError(AdaptiveError):
    """An exported network is damaged, of another schema, or does not fit the request."""


class ExecutorError(AdaptiveError):
    """Work handed to other processes or machines cannot be finished there."""


class EngineError(AdaptiveError):
    """The native engine is not built for this machine, or cannot run as it was asked to."""


class PlatformError(AdaptiveError):
    """The platform failed for good: the same request will fail again."""


class TransientPlatformError(PlatformError):
    """The platform failed this time: the same request may succeed in the next period."""
