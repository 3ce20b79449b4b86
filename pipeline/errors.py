"""The errors that the pipeline raises, and what is done about each.

FacestreamError                 one line for the user, then the exit code of its class
├── BadInputError       exit 2  the user's file, argument or configuration; repair it and run again
│   ├── SourceError             a video or photo that cannot be read at all
│   └── GalleryError            a name, image or gallery that cannot be used as asked
└── OutsideError        exit 3  something outside failed; what was done until then is kept
    ├── BrokenRecordingError    a video that breaks in the middle: events up to there were published
    ├── StoreError              the database cannot be opened, read or written
    ├── BrokerError             Redis cannot be started or reached
    └── StageError              a stage failed while running; the program stops with the reason

`ChannelClosed` (runtime.channel) is not an error: it is how a blocked thread learns that the run was stopped.
Engine errors live in engines.errors, because engines know nothing of the pipeline.
"""


class FacestreamError(Exception):
    """An error whose message is one line and says how to repair."""

    exit_code = 3


class BadInputError(FacestreamError):
    """The user's file, argument or configuration is wrong."""

    exit_code = 2


class SourceError(BadInputError):
    """A video or photo that cannot be read at all."""


class GalleryError(BadInputError):
    """A name, an image or a gallery that cannot be used as asked."""


class OutsideError(FacestreamError):
    """Something outside this program failed."""


class BrokenRecordingError(OutsideError):
    """A recording that stopped being readable in the middle."""


class StoreError(OutsideError):
    """The database cannot be opened, read or written."""


class BrokerError(OutsideError):
    """Redis cannot be started or reached."""


class StageError(OutsideError):
    """A stage failed while the pipeline was running."""
