"""Everything that `trainer` raises: one tree, written for the person who must act."""


class TrainerError(Exception):
    """Base of all errors of this room."""


class TrainingAborted(TrainerError):  # noqa: N818 - a clean stop that was asked for
    """A fit ended because the caller asked it to; the model is as it was before it."""


class RefusedError(TrainerError):
    """Something is not as it must be; the text is one line.

    Attributes:
        place: Where it is (a file and line, a setting, a variable).
        expected: What is needed there.
        got: What was found instead.
        mend: What to change.
    """

    def __init__(self, place: str, *, expected: str, got: str, mend: str) -> None:
        """Compose the line `place: expected E, got G; MEND`."""
        self.place = place
        self.expected = expected
        self.got = one_line(got)
        self.mend = mend
        super().__init__(f"{place}: expected {expected}, got {self.got}; {mend}")


class ModelError(RefusedError):
    """The user's model file cannot be loaded, or its model cannot be trained by millstream."""


class SettingsError(RefusedError):
    """A setting of the trainer is outside of what it may be."""


class TrainingError(RefusedError):
    """A fit could not be run (data and model do not agree); the model is as it was before it."""


class CallbackError(RefusedError):
    """A callback of the user raised, or its state is no JSON; the model is as it was before."""


class CheckpointError(RefusedError):
    """A checkpoint is missing, damaged, foreign, or of another model; nothing was loaded."""


class PeerLost(RefusedError):  # noqa: N818 - it states what happened
    """A worker of this run is gone or hangs; the model may be half a step on: load a checkpoint."""


class StepFailed(RefusedError):  # noqa: N818 - it states what happened
    """A step failed on this worker while the others wait for it: as TrainingError says, but of one.

    End this process; the others then lose a peer.
    """


class DriftError(RefusedError):
    """What a drift detector or a test of features is given is not as it must be."""


class MetricError(RefusedError):
    """Labels or predictions cannot be scored as they are."""


def one_line(text: object, limit: int = 300) -> str:
    """Return `text` as a single line of at most `limit` characters."""
    line = " ".join(str(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
