"""The errors that engines raise, and what is done about each.

EngineError                     one line for the user, exit code 3
├── CatalogueError      exit 2  models.yaml, or the name of a model, is wrong; repair it and run again
├── ModelFetchError     exit 3  the file could not be had: says which, from where, and the flag to give it by hand
├── ModelFileError      exit 2  a file given by hand is not the one the description names (size, hash, contents)
├── BuildError          exit 3  an engine could not be built
├── EvaluationError     exit 2  a protocol cannot be run on the data given; says what is missing
├── TrainingError       exit 2  a run cannot be started or gone on with: settings, data or folder do not fit
│   └── TrainingWriteError  exit 3  a run's folder cannot be written; what was there before stays
└── BackendError        exit 3  an engine could not be opened or run on this machine
"""


class EngineError(Exception):
    """An error whose message is one line and says how to repair."""

    exit_code = 3


class CatalogueError(EngineError):
    """The list of models, or the name of a model, is wrong."""

    exit_code = 2


class ModelFetchError(EngineError):
    """A model file could not be fetched."""


class ModelFileError(EngineError):
    """A model file is not what its description says."""

    exit_code = 2


class BuildError(EngineError):
    """An engine could not be built."""


class EvaluationError(EngineError):
    """A protocol cannot be run on the data given."""

    exit_code = 2


class TrainingError(EngineError):
    """A training run cannot be started, or not gone on with, as asked."""

    exit_code = 2


class TrainingWriteError(TrainingError):
    """The folder of a training run cannot be written."""

    exit_code = 3


class BackendError(EngineError):
    """An engine could not be opened or run."""
