"""The state of river's models as bytes.

River's models can only be pickled, and unpickling runs what the bytes name. So only these classes
can be named: those that the models of `river_baseline` consist of, in river 0.26. They hold
numbers and texts, none calls what it is given, and nothing else is looked up, whoever wrote the
bytes [Python's documentation of pickle, "Restricting globals"].
"""

import io
import pickle
from typing import Any

from trainer.errors import CheckpointError, one_line

__all__ = ["dump_river", "load_river"]

_PARTS = {
    "builtins": "dict float int set str",
    "collections": "Counter OrderedDict defaultdict",
    "functools": "partial",
    "random": "Random",
    "river._river_rust.drift": "AdaptiveWindowing",
    "river._river_rust.vectordict": "VectorDict",
    "river.compose.pipeline": "Pipeline",
    "river.compose.select": "SelectType",
    "river.compose.union": "TransformerUnion",
    "river.drift.adwin": "ADWIN",
    "river.forest.adaptive_random_forest": (
        "ARFClassifier ARFRegressor BaseTreeClassifier BaseTreeRegressor"
    ),
    "river.linear_model.lin_reg": "LinearRegression",
    "river.linear_model.log_reg": "LogisticRegression",
    "river.metrics.accuracy": "Accuracy",
    "river.metrics.confusion": "ConfusionMatrix",
    "river.metrics.mse": "MSE",
    "river.multiclass.ovr": "OneVsRestClassifier",
    "river.optim.initializers": "Zeros",
    "river.optim.losses": "Log Squared",
    "river.optim.schedulers": "Constant",
    "river.optim.sgd": "SGD",
    "river.preprocessing.one_hot": "OneHotEncoder",
    "river.preprocessing.scale": "StandardScaler",
    "river.proba.gaussian": "Gaussian",
    "river.stats.mean": "Mean",
    "river.stats.var": "Var",
    "river.tree.hoeffding_tree_classifier": "HoeffdingTreeClassifier",
    "river.tree.hoeffding_tree_regressor": "HoeffdingTreeRegressor",
    "river.tree.nodes.arf_htc_nodes": "RandomLeafNaiveBayesAdaptive",
    "river.tree.nodes.arf_htr_nodes": "RandomLeafAdaptive",
    "river.tree.nodes.branch": (
        "NominalBinaryBranch NominalMultiwayBranch NumericBinaryBranch NumericMultiwayBranch"
    ),
    "river.tree.nodes.htc_nodes": "LeafNaiveBayesAdaptive",
    "river.tree.nodes.htr_nodes": "LeafAdaptive",
    "river.tree.splitter.ebst_splitter": "EBSTNode EBSTNode._update_estimator_univariate",
    "river.tree.splitter.gaussian_splitter": "GaussianSplitter",
    "river.tree.splitter.nominal_splitter_classif": "NominalSplitterClassif",
    "river.tree.splitter.nominal_splitter_reg": "NominalSplitterReg",
    "river.tree.splitter.tebst_splitter": "TEBSTSplitter",
}
_ALLOWED = {(module, name) for module, names in _PARTS.items() for name in names.split()}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of a model of river's")
        return super().find_class(module, name)


def dump_river(model: object) -> bytes:
    """Return the bytes of a model."""
    return pickle.dumps(model, protocol=4)


def load_river(data: bytes, place: str) -> Any:
    """Return the model that `dump_river` gave the bytes of.

    Args:
        data: The bytes.
        place: Where they are from, for the error.

    Raises:
        CheckpointError: They name something else than parts of a model of river's, or are damaged.
    """
    try:
        return _Unpickler(io.BytesIO(data)).load()
    except Exception as error:  # damaged bytes raise whatever they like
        raise CheckpointError(
            place,
            expected="a model of river's",
            got=one_line(f"{type(error).__name__}: {error}"),
            mend="restore the file from a backup, or remove prequential.river",
        ) from error
