"""Both taggers keep scikit-learn's contract."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from classify.softmax import SoftmaxTagger
from classify.svm import SVMTagger


@parametrize_with_checks([SoftmaxTagger(), SVMTagger()])
def test_tagger_passes_scikit_learns_estimator_checks(estimator, check):
    check(estimator)
