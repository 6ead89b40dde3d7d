"""The rooms and their arrows, their public names, and the sizes that keep code readable."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FORBIDDEN = {
    "ingest": {"trainer", "registry", "millstream", "mlflow"},
    "trainer": {"ingest", "registry", "millstream", "kafka", "mlflow"},
    "registry": {"ingest", "trainer", "millstream", "kafka"},
    "millstream": set(),
}
PUBLIC = {
    "ingest": """
        TEST TRAIN VALIDATION Allocation AvroDecoder BadRatioExceeded BadRecord Balanced BottomK
        CorruptBatchError Counts DeadLetterError DeadLetters Decoded Decoder ExampleDecoder
        EventTimes Field Gap GroupCommitter IngestError Intake IntakeSeconds IntakeTotals
        JsonDecoder
        KafkaDeadLetters KafkaSource MissingOffsets NoDeadLetters OffsetRange PackedDecoder
        Position PositionError ProtobufDecoder RawDecoder Recent RecordBatch RecordBatchError
        RegistrySettings Rows RowsError SampleSettings Sampler SamplerError SamplerState
        Schema SchemaError SchemaRegistry SchemaRegistryError SettingsError Source
        SourceError Statistics StatisticsError Stratified StreamState Unframed Uniform
        Vocabularies Weighted Weighting Window WindowBuilder check_decoder check_sampler
        check_sampler_uniform check_sampler_weights check_source decode_audio decode_images
        end_of_topics hash64
        log_mel read_window spectrogram split steps_per_epoch training_dataset unit
        Roster Workers agree_on_window gather_arrays grow_together shared_dataset update_together
        History HistoryState Segments Selection SamplePolicy PastSettings select_important
        AugmentError Augmentations Step make_augmentation
    """,
    "trainer": """
        DriftDetector DriftError begin_anew check_drift_detector reset_learning_rate
        METRICS AllTrigger AnyTrigger CostTrigger DriftTrigger HandTrigger PastRound Waiting
        expected_gain expected_seconds Baselines CheckpointError Evidence FeatureSpec Gate Learner
        MetricError ModelError RecordsTrigger RefusedError Score ScoreGate SecondsTrigger
        SettingsError StreamNormalization Task TrainReport TrainSettings TrainerError
        TrainingAborted TrainingError Trigger Verdict build_model check_gate check_inputs
        check_model check_normalized check_score check_trigger digest higher_is_better
        input_names load load_builder predict_majority predict_no_change save score score_baselines
        set_statistics source_digest update
        CallbackError CallbackMaker StatefulCallback load_callbacks
        ModelOptions Prepared float32_model prepare_model start_digest
        Answers Comparison FirstVersion Guard PairedTest score_constant score_intervals
        Alone Communicator PeerLost StepFailed ThreadCommunicator check_communicator run_workers
        CollectiveCommunicator Determinism ElasticLearner StrategyName Topology open_strategy
        gpu_names read_tf_config
        OTHERS SliceScore SliceSettings slice_scores
        Faded predict_baselines row_losses
        RiverBaseline make_river
        dump_river load_river
        Distance distance repeats_bits
        ShardedDense ShardedEmbedding bytes_by_device is_sharded unsharded update_in_place
        virtual_devices
    """,
    "registry": """
        Artifact CompressionError Examples ExportError LadderSettings LiteModel LiteModelError
        ModelRegistry ModelVersion Publication PublicationError PullError Quantizer
        QuantizerCrashed QuantizerError QuantizerTimeout Reference RegistryError Rung RungError
        SkippedRung StoreError StoreRefused StoreUnavailable Subject VersionNotFound Weight
        check_rung default_quantizer export_again export_float32 ladder named_inputs KafkaData
        rehearse_export
        KafkaRange KerasFile make_keras_file op_names tensor_dtypes weights Promotion Pruning
        ServiceRun TrackedRound metric_name LoadedModel follow load
    """,
    "millstream": """
        AvroDecoder BadRecord BottomK Config ConfigError Decoded Decoder EmbeddedKafka
        ExampleDecoder Field JsonDecoder KafkaDeadLetters KafkaSource LiteModel LoadedModel
        MillstreamError ModelRegistry ModelVersion PackedDecoder Position ProtobufDecoder
        RawDecoder RecordBatch RegistrySettings Rows RunOptions Schema SchemaRegistry
        Statistics StreamNormalization StreamState Unframed arrow dataset decode_audio
        decode_images load_config log_mel run_service spectrogram training_dataset
        Augmentations Step make_augmentation Evidence Verdict
        ShardedDense ShardedEmbedding virtual_devices follow load LiteModelError RegistryError
    """,
}
HEAVY = ("tensorflow", "keras", "matplotlib")
MOST_LINES, MOST_FUNCTION_LINES, MOST_PARAMETERS = 300, 40, 7
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
FOREIGN = re.compile(
    r"/(home|Users)/[a-z]|/ro"
    + r"ot/|/wo"
    + r"rk/|py"
    + r"pi\.org|pythonhos"
    + r"ted|maven"
    + r"\.org"
)
Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources() -> list[Path]:
    return sorted(path for room in FORBIDDEN for path in (ROOT / room).rglob("*.py"))


def texts() -> list[Path]:
    endings = {".py", ".md", ".toml", ".txt", ".yml", ".properties", ".lock", ""}
    found = [path for path in ROOT.iterdir() if path.is_file() and path.suffix in endings]
    for folder in (*FORBIDDEN, "tests", "docs", "deploy", "bench", "examples", ".ci"):
        found += [path for path in (ROOT / folder).rglob("*") if path.suffix in endings]
    return sorted(path for path in found if path.is_file() and path.name != ".git")


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            for argument in node.args[:1]:
                if isinstance(argument, ast.Constant):
                    yield node.lineno, str(argument.value)


def public_parts(tree: ast.AST) -> Iterator[ast.ClassDef | Function]:
    """Public classes and functions of a module, and public methods of its public classes."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | Function) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public_parts(node)


def code_lines(function: Function) -> int:
    documented = ast.get_docstring(function) is not None
    docstring = function.body[0] if documented else None
    hidden = docstring.end_lineno - docstring.lineno + 1 if docstring else 0
    return function.end_lineno - function.lineno + 1 - hidden


@pytest.mark.parametrize("path", sources(), ids=named)
def test_no_forbidden_arrow(path):
    room = path.relative_to(ROOT).parts[0]
    wrong = [
        f"{named(path)}:{line} imports {module}"
        for line, module in imported(parse(path))
        if module.split(".")[0] in FORBIDDEN[room]
    ]
    assert wrong == []


@pytest.mark.parametrize("room", FORBIDDEN)
def test_public_names_are_locked(room):
    module = importlib.import_module(room)
    assert sorted(module.__all__) == sorted(PUBLIC[room].split())
    assert module.__doc__
    for name in module.__all__:
        assert getattr(module, name) is not None


def test_every_module_lists_its_public_names_in_order():
    def order(name: str) -> tuple[int, str]:
        return (0 if name.isupper() else 1 if name[:1].isupper() else 2, name)

    for path in sources():
        for node in parse(path).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                names = ast.literal_eval(node.value)
                assert names == sorted(set(names), key=order), named(path)


@pytest.mark.parametrize("room", FORBIDDEN)
def test_each_room_has_one_tree_of_errors(room):
    module = importlib.import_module(f"{room}.errors")
    errors = [part for part in vars(module).values() if isinstance(part, type)]
    errors = [part for part in errors if part.__module__ == module.__name__]
    roots = [part for part in errors if issubclass(part, Exception) and Exception in part.__bases__]
    assert len(roots) == 1
    assert all(issubclass(part, roots[0]) and part.__doc__ for part in errors)


@pytest.mark.parametrize("code", ["import ingest", "import registry", "import millstream"])
def test_importing_a_room_does_not_import_tensorflow(code):
    assert modules_after(code) == []


def test_help_does_not_import_tensorflow():
    assert (
        modules_after(
            "import runpy\n"
            "sys.argv = ['millstream', '--help']\n"
            "try:\n"
            "    runpy.run_module('millstream', run_name='__main__')\n"
            "except SystemExit as end:\n"
            "    assert not end.code, end.code"
        )
        == []
    )


def modules_after(code: str) -> list[str]:
    """The heavy modules that a fresh process has loaded after running the code."""
    check = f"print('loaded:', *[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\n{check}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()[1:]


def test_files_are_short():
    long = {named(path): len(path.read_text(encoding="utf-8").splitlines()) for path in sources()}
    assert {name: lines for name, lines in long.items() if lines > MOST_LINES} == {}


def test_functions_are_short_and_take_few_parameters():
    wrong = []
    for path in sources():
        for node in ast.walk(parse(path)):
            if isinstance(node, Function):
                given = node.args
                names = [item.arg for item in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
                count = len([name for name in names if name not in {"self", "cls"}])
                if code_lines(node) > MOST_FUNCTION_LINES or count > MOST_PARAMETERS:
                    where = f"{named(path)}:{node.lineno} {node.name}"
                    wrong.append(f"{where}: {code_lines(node)} lines, {count} parameters")
    assert wrong == []


def test_public_things_are_documented():
    wrong = [
        f"{named(path)}:{node.lineno} {node.name}"
        for path in sources()
        for node in public_parts(parse(path))
        if not ast.get_docstring(node)
    ]
    wrong += [named(path) for path in sources() if not ast.get_docstring(parse(path))]
    assert wrong == []


@pytest.mark.parametrize("pattern", [UNFINISHED, FOREIGN], ids=["unfinished", "foreign"])
def test_no_text_is_unfinished_or_speaks_of_one_machine(pattern):
    wrong = [
        f"{named(path)}:{number} {line.strip()[:80]}"
        for path in texts()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
    assert wrong == []
