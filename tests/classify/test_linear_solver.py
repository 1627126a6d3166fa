"""The solver reaches the optimum that scikit-learn's solvers reach."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from classify.linear_solver import Start, solve_linear


def problem(seed=0, n_rows=300, n_features=12, n_classes=5):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_features)) * rng.uniform(0.3, 3, n_features)
    scores = X @ rng.normal(size=(n_features, n_classes)) + rng.normal(size=(n_rows, n_classes))
    return X, scores.argmax(axis=1)


def exact(X, codes, **kwargs):
    return solve_linear(X, codes, n_classes=5, max_iter=3000, tol=1e-13, **kwargs)


@pytest.mark.parametrize("C", [0.1, 1.0, 10.0])
def test_softmax_equals_logistic_regression(C):
    X, codes = problem()
    theirs = LogisticRegression(C=C, tol=1e-9, max_iter=10_000).fit(X, codes)
    ours = exact(X, codes, loss="softmax", C=C)
    np.testing.assert_allclose(ours.coef, theirs.coef_, atol=1e-4)
    np.testing.assert_allclose(
        ours.intercept - ours.intercept.mean(),
        theirs.intercept_ - theirs.intercept_.mean(),
        atol=1e-4,
    )


@pytest.mark.parametrize("C", [0.1, 1.0])
def test_squared_hinge_with_penalised_intercept_equals_linear_svc(C):
    X, codes = problem(1)
    theirs = LinearSVC(C=C, tol=1e-9, max_iter=100_000, dual=False).fit(X, codes)
    ours = exact(X, codes, loss="squared_hinge", C=C, penalize_intercept=True)
    np.testing.assert_allclose(ours.coef, theirs.coef_, atol=1e-4)
    np.testing.assert_allclose(ours.intercept, theirs.intercept_, atol=1e-4)


def test_objective_is_the_documented_formula_written_as_plain_loops():
    X, codes = problem(2, n_rows=30)
    weight = np.random.default_rng(0).uniform(0.5, 2, 30)
    for loss in ("softmax", "squared_hinge"):
        found = exact(X, codes, loss=loss, C=0.7, sample_weight=weight)
        total = 0.5 * sum(w**2 for row in found.coef for w in row)
        for x, y, s in zip(X, codes, weight, strict=True):
            f = [float(w @ x + b) for w, b in zip(found.coef, found.intercept, strict=True)]
            if loss == "softmax":
                total += 0.7 * s * (np.log(sum(np.exp(v) for v in f)) - f[y])
            else:
                signs = [1 if k == y else -1 for k in range(5)]
                total += (
                    0.7
                    * s
                    * sum(max(0, 1 - sign * v) ** 2 for sign, v in zip(signs, f, strict=True))
                )
        assert found.objective == pytest.approx(total, rel=1e-9)


@pytest.mark.parametrize("loss", ["softmax", "squared_hinge"])
def test_sparse_rows_give_the_dense_solution(loss):
    X, codes = problem(3)
    dense = exact(X, codes, loss=loss)
    rows = exact(sparse.csr_array(X), codes, loss=loss)
    np.testing.assert_allclose(rows.coef, dense.coef, atol=1e-5)


@pytest.mark.parametrize("loss", ["softmax", "squared_hinge"])
def test_weight_two_equals_the_row_twice(loss):
    X, codes = problem(4, n_rows=60)
    weight = np.where(np.arange(60) < 20, 2.0, 1.0)
    weighted = exact(X, codes, loss=loss, sample_weight=weight)
    repeated = exact(np.vstack([X, X[:20]]), np.append(codes, codes[:20]), loss=loss)
    np.testing.assert_allclose(weighted.coef, repeated.coef, atol=1e-5)


@pytest.mark.parametrize("loss", ["softmax", "squared_hinge"])
def test_float32_stays_float32_and_lands_near_the_float64_optimum(loss):
    X, codes = problem(5)
    single = solve_linear(X.astype(np.float32), codes, n_classes=5, loss=loss, tol=1e-6)
    assert single.coef.dtype == np.float32
    assert single.objective == pytest.approx(exact(X, codes, loss=loss).objective, rel=1e-4)


def test_one_class_gives_zero_weights():
    X, _ = problem(6, n_rows=10)
    found = solve_linear(X, np.zeros(10, np.int64), n_classes=1, loss="softmax")
    np.testing.assert_array_equal(found.coef, np.zeros((1, 12)))


def test_start_changes_the_way_and_not_the_end():
    X, codes = problem(3)
    near = solve_linear(X[:250], codes[:250], n_classes=5, loss="softmax", tol=1e-9, max_iter=3000)
    cold, warm = (
        solve_linear(X, codes, n_classes=5, loss="softmax", tol=1e-9, max_iter=3000, start=start)
        for start in (None, Start(near.coef, near.intercept))
    )
    np.testing.assert_allclose(warm.coef, cold.coef, atol=1e-3)
    assert warm.iterations < cold.iterations


@pytest.mark.parametrize("loss", ["softmax", "squared_hinge"])
def test_kinship_equals_columns_of_shared_weights_written_out(loss):
    """W = A U with a penalty on U is the definition; its optimum needs U made explicit."""
    X, codes = problem(4, n_rows=80, n_features=4)
    parts = np.array([[1, 0], [1, 0], [1, 1], [0, 1], [0, 0]])
    A = np.hstack([np.eye(5), parts])
    found = exact(X, codes, loss=loss, C=0.5, kinship=A @ A.T)

    def objective(W, b):
        return exact_value(X, codes, loss, W, b) * 0.5 + 0.5 * np.trace(
            W.T @ np.linalg.solve(A @ A.T, W)
        )

    rng = np.random.default_rng(0)
    best = objective(found.coef, found.intercept)
    assert best == pytest.approx(found.objective, rel=1e-6)
    for _ in range(30):
        U = 0.05 * rng.normal(size=(7, 4))
        moved = objective(found.coef + A @ U, found.intercept + 0.05 * rng.normal(size=5))
        assert moved >= best - 1e-9


def exact_value(X, codes, loss, W, b):
    scores = X @ W.T + b
    if loss == "softmax":
        return float((np.log(np.exp(scores).sum(axis=1)) - scores[range(len(X)), codes]).sum())
    signs = np.where(np.eye(W.shape[0])[codes] > 0, 1, -1)
    return float((np.maximum(0, 1 - signs * scores) ** 2).sum())


def test_warm_start_keeps_its_meaning_under_kinship():
    X, codes = problem(5)
    K = np.eye(5) + 0.5
    far = exact(X, codes, loss="softmax", kinship=K)
    again = solve_linear(
        X, codes, n_classes=5, loss="softmax", kinship=K, start=Start(far.coef, far.intercept),
        max_iter=1,
    )  # fmt: skip
    assert again.objective == pytest.approx(far.objective, rel=1e-9)
