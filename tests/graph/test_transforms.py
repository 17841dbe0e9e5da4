"""`compile`, `grad`, `scan`, `while_loop`, random keys: transforms of Python functions."""

import numpy as np
import pytest

import lamina as lm
from lamina.engines.llvm.codegen import barrier

pytestmark = pytest.mark.usefixtures("numpy_engine")


@pytest.fixture
def numpy_engine():
    with lm.settings(engine="numpy"):
        yield


# ---- compile -----------------------------------------------------------------------------------
def test_a_program_is_recorded_once_for_each_kind_of_arguments():
    calls = []

    @lm.compile
    def f(x, power=2):
        calls.append(power)
        return {"y": x**power, "both": (x, [x + 1])}

    first = f(lm.asarray([1.0, 2.0]))
    f(lm.asarray([3.0, 4.0]))
    assert calls == [2]
    assert first["y"].tolist() == [1.0, 4.0]
    assert first["both"][1][0].tolist() == [2.0, 3.0]
    f(lm.asarray([3.0, 4.0]), power=3)
    f(lm.asarray([3.0]))
    f(np.array([3.0]))
    assert calls == [2, 3, 2, 2]
    assert f.__name__ == "f"


def test_signatures():
    f = lm.compile(lambda x, y: x @ y, signature=[lm.Spec(("n", "k")), lm.Spec(("k", None))])
    for n, k, m in ((2, 3, 4), (5, 1, 2)):
        assert f(lm.ones((n, k)), lm.ones((k, m))).shape == (n, m)
    assert len(f._programs) == 1
    with pytest.raises(lm.errors.ShapeError, match="argument 0 is float32"):
        f(lm.ones(3), lm.ones((3, 3)))
    with pytest.raises(lm.errors.ShapeError, match="describes 2 arguments, the call has 1"):
        f(lm.ones((3, 3)))
    with pytest.raises(lm.errors.ShapeError, match="came, expected"):
        f(lm.ones((3, 4)), lm.ones((3, 3)))


def test_compiled_functions_inside_others():
    inner = lm.compile(lambda x: x * 2)
    outer = lm.compile(lambda x: inner(x) + 1)
    assert outer(lm.asarray(3.0)).item() == 7.0
    assert lm.grad(lambda x: outer(x) ** 2)(3.0).item() == 28.0


def test_large_arrays_are_captured_not_copied_into_the_program():
    table = lm.asarray(np.arange(1000.0, dtype="float32"))
    f = lm.compile(lambda i: table[i])
    assert f(lm.asarray(7)).item() == 7.0
    ((recorded, _),) = f._programs.values()
    assert [a.size for a in recorded.captured] == [1000]


def test_stats_say_why():
    f = lm.compile(lambda x: x)
    before = lm.compile_stats()
    f(lm.ones(2))
    f(lm.ones(2))
    f(lm.ones(3))
    after = lm.compile_stats()
    assert after.count == before.count + 2
    assert "first call" in after.reasons[-2]
    assert "float32[3]" in after.reasons[-1]


# ---- grad --------------------------------------------------------------------------------------
def test_gradients_of_nests():
    def f(parameters, x):
        return lm.sum((x @ parameters["w"] + parameters["b"][0]) ** 2)

    p = {"w": lm.ones((3, 2)), "b": [lm.zeros(2)]}
    x = lm.asarray([[1.0, 2.0, 3.0]])
    for g in (lm.grad(f)(p, x), lm.compile(lm.grad(f))(p, x)):
        np.testing.assert_allclose(g["w"], np.outer([1, 2, 3], [12, 12]))
        assert g["b"][0].tolist() == [12.0, 12.0]


def test_several_arguments_and_more_results():
    def f(x, y):
        return lm.sum(x * y), {"sum": x + y}

    (value, aux), (gx, gy) = lm.value_and_grad(f, (0, 1), has_aux=True)(
        lm.asarray([1.0, 2.0]), lm.asarray([3.0, 4.0])
    )
    assert value.item() == 11.0
    assert aux["sum"].tolist() == [4.0, 6.0]
    assert (gx.tolist(), gy.tolist()) == ([3.0, 4.0], [1.0, 2.0])


def test_higher_orders():
    f = lm.tanh
    third = lm.grad(lm.grad(lm.grad(f)))(lm.asarray(0.5, "float64")).item()
    t = np.tanh(0.5)
    assert third == pytest.approx(-2 * (1 - t * t) * (1 - 3 * t * t))
    assert lm.compile(lm.grad(lm.grad(lambda x: x**4)))(lm.asarray(2.0)).item() == 48.0


def test_gradients_with_respect_to_variables():
    w = lm.Variable([1.0, 2.0])
    seen = lm.Variable(0.0)

    def loss(w, x):
        seen.assign(lm.sum(x))
        return lm.sum(w * w * x)

    x = lm.asarray([3.0, 4.0])
    for f in (lm.grad(loss), lm.compile(lm.grad(loss))):
        assert f(w, x).tolist() == [6.0, 16.0]
        assert seen.numpy() == 7.0


def test_python_control_flow_in_eager_gradients():
    def f(x):
        return x**2 if x > 0 else -x

    assert lm.grad(f)(3.0).item() == 6.0
    assert lm.grad(f)(-3.0).item() == -1.0


def test_stop_gradient_and_custom_gradients():
    assert lm.grad(lambda x: x * lm.stop_gradient(x))(3.0).item() == 3.0

    @lm.custom_gradient
    def clipped(x):
        return x, lambda g: lm.clip(g, -1.0, 1.0)

    for f in (lambda x: 5.0 * clipped(x), lm.compile(lambda x: 5.0 * clipped(x))):
        assert lm.grad(f)(2.0).item() == 1.0


def test_grad_refuses_integers_and_results_that_are_not_scalars():
    with pytest.raises(lm.errors.DTypeError, match="int32 has no gradient"):
        lm.grad(lambda x: x)(1)
    with pytest.raises(lm.errors.ShapeError, match=r"returned shape \(2,\)"):
        lm.grad(lambda x: x)(lm.ones(2))
    with pytest.raises(lm.errors.DTypeError, match="returned int32"):
        lm.grad(lambda x: lm.argmax(x))(lm.ones(2))


# ---- loops -------------------------------------------------------------------------------------
def cumulative(x, reverse=False):
    return lm.scan(lambda c, v: (c + v, c * v), lm.zeros(()), x, reverse=reverse)


@pytest.mark.parametrize("reverse", [False, True])
def test_scan(reverse):
    x = np.array([1.0, 2.0, 3.0, 4.0], "float32")
    order = x[::-1] if reverse else x
    sums = np.cumsum(order)
    ys = order * (sums - order)
    for f in (cumulative, lm.compile(lambda v, r=reverse: cumulative(v, r))):
        last, stacked = f(lm.asarray(x), reverse)
        assert last.item() == 10.0
        np.testing.assert_allclose(stacked, ys[::-1] if reverse else ys)


def test_scan_of_nests_with_constants_and_gradients():
    w = lm.asarray([[0.5, -0.2], [0.1, 0.3]])
    xs = lm.asarray([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])

    def recurrent(w, loop):
        def step(state, x):
            h = lm.tanh(state["h"] @ w + x)
            return {"h": h}, h

        if loop:
            state, ys = lm.scan(step, {"h": lm.zeros(2)}, xs)
            return lm.sum(ys**2) + lm.sum(state["h"])
        state, ys = {"h": lm.zeros(2)}, []
        for x in xs:
            state, y = step(state, x)
            ys.append(y)
        return lm.sum(lm.stack(ys) ** 2) + lm.sum(state["h"])

    for f in (lm.value_and_grad(recurrent), lm.compile(lm.value_and_grad(recurrent))):
        value, gradient = f(w, True)
        expected, expected_gradient = lm.value_and_grad(recurrent)(w, False)
        assert value.item() == pytest.approx(expected.item(), rel=1e-6)
        np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-5, atol=1e-6)


def test_scan_needs_a_pair():
    with pytest.raises(
        lm.errors.ArgumentError, match=r"must return a pair, \(carry, y\); it returned"
    ):
        lm.scan(lambda carry, x: carry + x, 0.0, lm.ones(3))


def test_scan_of_a_length():
    last, ys = lm.scan(lambda c, _: (c * 2, c), 1.0, length=4)
    assert (last.item(), ys.tolist()) == (16.0, [1.0, 2.0, 4.0, 8.0])


@pytest.mark.parametrize(
    "f",
    [
        lambda k: lm.copysign(k, -0.0),
        lambda k: lm.hypot(k, 2.0),
        lambda k: lm.remainder(k, 2.0),
        lambda k: lm.floor_divide(2.0, k),
        lambda k: lm.nextafter(k, lm.asarray([2.0, 3.0, 4.0])),
    ],
)
def test_an_eager_loop_has_a_value_where_its_body_computes_with_constants_alone(f):
    x = lm.asarray([1.0, -2.0, 3.0])
    expected = np.asarray(f(f(x)))

    def scanned(x):
        return lm.scan(lambda k, _: (f(k), f(k)), x, length=2)

    def looped(x):
        return lm.while_loop(lambda c: c[0] < 2, lambda c: (c[0] + 1, f(c[1])), (0, x))[1]

    for loop in (lambda x: scanned(x)[0], lambda x: scanned(x)[1][-1], looped):
        for run in (loop, lm.compile(loop)):
            assert np.asarray(run(x)).tobytes() == expected.tobytes()


def test_while_loop():
    def steps(x):
        return lm.while_loop(lambda c: c[0] < 100, lambda c: (c[0] * 2, c[1] + 1), (x, 0))

    for f in (steps, lm.compile(steps)):
        value, count = f(lm.asarray(3))
        assert (value.item(), count.item()) == (192, 6)


def test_loops_refuse_what_they_cannot_do():
    v = lm.Variable(0.0)
    with pytest.raises(lm.errors.ShapeError, match="the carry must keep"):
        lm.scan(lambda c, x: (lm.stack([c, c]), x), 0.0, lm.ones(3))
    with pytest.raises(lm.errors.ShapeError, match="lengths differ"):
        lm.scan(lambda c, x: (c, x), 0.0, (lm.ones(3), lm.ones(4)))
    with pytest.raises(lm.errors.ShapeError, match="xs or a length"):
        lm.scan(lambda c, x: (c, x), 0.0)
    with pytest.raises(lm.errors.StateError, match="assigns Variable"):
        lm.compile(lambda x: lm.scan(lambda c, t: (c, v.assign(t).read()), 0.0, x))(lm.ones(3))


# ---- random numbers ----------------------------------------------------------------------------
KEY = lm.random.key(7)


def test_the_same_key_gives_the_same_bits():
    draw = lm.compile(lambda key: lm.random.normal((4, 5), key=key))
    np.testing.assert_array_equal(draw(KEY), lm.random.normal((4, 5), key=KEY))
    assert lm.random.bits(lm.random.key(0), 3).dtype == lm.uint32
    other = lm.random.normal((4, 5), key=lm.random.key(8))
    assert not np.array_equal(other, draw(KEY))
    # a longer draw begins differently or not, but a key folded with another number always differs
    folded = [lm.random.fold_in(KEY, n).tolist() for n in (0, 1, -1, 2**40, 2**40 + 1)]
    assert len({tuple(k) for k in folded}) == 5
    assert folded[1] == lm.random.fold_in(KEY, lm.asarray(1)).tolist()
    assert folded[3] == lm.random.fold_in(KEY, lm.asarray(2**40)).tolist()
    assert len(lm.random.split(KEY, 5)) == 5


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_distributions(dtype):
    n = 20000
    tolerance = 0.02 if "16" not in dtype else 0.05
    x = lm.random.uniform((n,), 2.0, 5.0, dtype, key=KEY)
    assert x.dtype == dtype
    x = x.numpy().astype("float64")
    assert 2 <= x.min() < 2.01
    assert 4.98 < x.max() <= 5.0
    assert x.mean() == pytest.approx(3.5, abs=tolerance)
    z = lm.random.normal((n,), 1.0, 2.0, dtype, key=KEY).numpy().astype("float64")
    z = (z - 1) / 2
    moments = [np.mean(z), np.mean(z**2), np.mean(z**3), np.mean(z**4)]
    np.testing.assert_allclose(moments, [0, 1, 0, 3], atol=6 * tolerance)
    assert abs(np.mean(z < -1) - 0.15866) < 0.01
    t = lm.random.truncated_normal((n,), dtype=dtype, key=KEY).numpy().astype("float64")
    assert abs(t).max() <= 2.0
    assert t.std() == pytest.approx(0.8796, abs=2 * tolerance)
    g = lm.random.gumbel((n,), dtype, key=KEY).numpy().astype("float64")
    assert g.mean() == pytest.approx(0.5772, abs=0.05)
    assert np.isfinite(g).all()


def test_integers_bools_and_classes():
    i = lm.random.randint((20000,), -3, 5, key=KEY).numpy()
    counts = np.bincount(i + 3)
    assert len(counts) == 8
    assert abs(counts / 20000 - 1 / 8).max() < 0.01
    assert lm.random.randint((4,), 10, key=KEY).dtype == lm.int32
    for p in (0.0, 0.3, 1.0):
        assert lm.random.bernoulli((20000,), p, key=KEY).numpy().mean() == pytest.approx(
            p, abs=0.01
        )
    row = lm.asarray([0.1, 0.9])
    by_row = lm.random.bernoulli((20000, 2), row, key=KEY).numpy().mean(0)
    np.testing.assert_allclose(by_row, [0.1, 0.9], atol=0.01)
    odds = np.array([0.5, 0.3, 0.2])
    drawn = lm.random.categorical(np.log(odds), 20000, key=KEY).numpy()
    np.testing.assert_allclose(np.bincount(drawn) / 20000, odds, atol=0.015)
    with pytest.raises(lm.errors.RangeError, match="bernoulli"):
        lm.random.bernoulli((3,), 1.5, key=KEY)
    with pytest.raises(lm.errors.RangeError, match="randint"):
        lm.random.randint((3,), 5, 5, key=KEY)


def test_permutations():
    for n in (0, 1, 5, 1000):
        assert sorted(lm.random.permutation(n, key=KEY).tolist()) == list(range(n))
    x = np.arange(12).reshape(4, 3)
    rows = lm.random.shuffle(x, key=KEY).numpy()
    assert sorted(map(tuple, rows)) == sorted(map(tuple, x))
    firsts = [lm.random.permutation(4, key=lm.random.fold_in(KEY, k))[0].item() for k in range(200)]
    assert min(np.bincount(firsts, minlength=4)) > 25
    few = lm.random.choice(10, (4,), replace=False, key=KEY).tolist()
    assert len(set(few)) == 4
    with pytest.raises(ValueError, match="cannot draw 11 of 10"):
        lm.random.choice(10, (11,), replace=False, key=KEY)


def test_random_numbers_of_any_batch_size():
    f = lm.compile(
        lambda x, key: lm.random.normal(x.shape, key=key) + lm.random.uniform(x.shape, key=key),
        signature=[lm.Spec(("n", 3)), lm.Spec((2,), "uint32")],
    )
    for n in (2, 5):
        expected = lm.random.normal((n, 3), key=KEY) + lm.random.uniform((n, 3), key=KEY)
        np.testing.assert_array_equal(f(lm.ones((n, 3)), KEY), expected)


def test_the_global_state():
    lm.set_seed(3)
    first = [lm.random.uniform().item() for _ in range(3)]
    lm.set_seed(3)
    assert [lm.random.uniform().item() for _ in range(3)] == first
    assert len(set(first)) == 3


def test_scopes_give_each_path_its_own_stream():
    def draw(paths):
        with lm.random.key_scope(KEY):
            return {
                f"{path}{k}": lm.random.scoped_key(path).tolist() for k, path in enumerate(paths)
            }

    alone, with_more = draw(["a", "b"]), draw(["a", "b", "c", "a"])
    assert alone["a0"] == with_more["a0"]
    assert alone["b1"] == with_more["b1"]
    assert len({tuple(v) for v in with_more.values()}) == 4
    with lm.random.key_scope(KEY), lm.random.key_scope(3):
        assert lm.random.scoped_key("a").tolist() != alone["a0"]


def test_a_program_needs_a_key():
    with pytest.raises(lm.errors.StateError, match=r"need a key(.|\n)*key_scope"):
        lm.compile(lambda x: x + lm.random.uniform())(lm.ones(2))

    @lm.compile
    def scoped(key):
        with lm.random.key_scope(key):
            return lm.random.uniform((2,))

    assert scoped(KEY).tolist() != scoped(lm.random.key(1)).tolist()


def test_keys_are_checked():
    with pytest.raises(lm.errors.ShapeError, match="uint32"):
        lm.random.bits(lm.ones(2), (3,))


def test_erfinv():
    x = np.linspace(-0.9999, 0.9999, 4001)
    for dtype, tolerance in (("float32", 1e-6), ("float64", 1e-6)):
        back = lm.erf(lm.erfinv(lm.asarray(x, dtype)))
        np.testing.assert_allclose(back, x, atol=tolerance)
    assert lm.erfinv([1.0, -1.0, 0.0]).tolist() == [np.inf, -np.inf, 0.0]


@pytest.mark.skipif(barrier.architecture() not in ("x86_64", "amd64"), reason="fast elsewhere")
@pytest.mark.parametrize("flush", [False, True])
def test_compile_flushes_denormals_only_when_asked(flush):
    f = lm.compile(lambda x: x * 1e-3, flush_denormals=flush)
    tiny = np.float32(1e-37)
    with lm.settings(engine="llvm"):
        assert f(lm.asarray(tiny)).item() == (0.0 if flush else tiny * np.float32(1e-3))


@pytest.mark.parametrize(
    ("loss", "what"),
    [
        (lambda x: lm.sum(lm.asarray(x.numpy() ** 2)), r"numpy\(\)"),
        (lambda x: lm.asarray(np.asarray(x).sum()), "NumPy"),
        (lambda x: lm.asarray(lm.sum(x).item() ** 2), r"item\(\)"),
        (lambda x: lm.asarray(float(lm.sum(x))), r"float\(\)"),
    ],
)
def test_a_value_taken_out_of_the_record_is_not_a_silent_zero(loss, what):
    x = lm.ones(3)
    with pytest.raises(lm.errors.GradientError, match=f"{what} took their values out"):
        lm.grad(loss)(x)


def test_printing_values_in_a_gradient_is_allowed(capsys):
    def loss(x):
        total = lm.sum(x**2)
        print(total, repr(x), f"{total:.1f}", float(total), x.numpy())
        return total if total > 0 else -total

    assert lm.grad(loss)(lm.ones(3)).tolist() == [2.0, 2.0, 2.0]
    assert lm.grad(lambda x: 3.0)(1.0).item() == 0.0  # a constant is a constant
    assert lm.grad(lambda x: (print(x), 3.0)[1])(1.0).item() == 0.0
    assert capsys.readouterr().out


@pytest.mark.parametrize("call", [lambda g: g(), lambda g: g(x=1.0)])
def test_a_gradient_of_an_argument_that_is_not_there(call):
    with pytest.raises(lm.errors.ArgumentError, match=r"argument 0, but .* with 0 arguments"):
        call(lm.grad(lambda x=2.0: x * x))
