"""Actor and critic (Barto, Sutton, Anderson 1983): a second output says how good a state is.

The paper's two adaptive elements balanced a pole on a cart; here they are two outputs of one
network (4-128-2 and 1), as in PyTorch's example. The critic learns the discounted reward from each
state on; the actor raises the probability of actions after which more came than the critic
expected. Adam with 0.03 as in the example, gradients clipped at a norm of 1. Solved is a mean of
475 steps over 100 trials; training stops when a running mean, of which each trial is 5%, is above
475, and 100 further trials are measured. With this learning rate some seeds lose what they have
learned before they are done: success is a rate over seeds.

    python examples/reinforcement/actor_critic_1983.py [--quick] [--figure actor_critic.png]
"""

import argparse

import gymnasium
import numpy as np

import lamina as lm

FIGURES = {
    "reached a running mean of 475": ("it does", ""),
    "trials until then": ("a few hundred", ".0f"),
    "mean steps of 100 trials afterwards": ("475 is solved", ".0f"),
}
SMALL = {"seeds": 1, "most": 60}
SOLVED, DISCOUNT, SHARE = 475, 0.99, 0.05


def policy_loss(taken, logits):
    """-log p(action) * advantage of each step; `taken` holds actions and advantages."""
    actions, advantages = lm.cast(taken[:, 0], "int32"), taken[:, 1]
    crossentropy = lm.losses.sparse_categorical_crossentropy
    return advantages * crossentropy(actions, logits, from_logits=True)


def actor_and_critic(learning_rate: float) -> lm.Model:
    """From the state to the logits of two actions, and to the expected reward."""
    state = lm.Input((4,))
    h = lm.layers.Dense(128, activation="relu")(state)
    outputs = [lm.layers.Dense(2, name="actor")(h), lm.layers.Dense(1, name="critic")(h)]
    model = lm.Model(state, outputs)
    losses = {"actor": policy_loss, "critic": "huber"}
    model.compile(lm.optimizers.Adam(learning_rate, global_clipnorm=1.0), losses)
    return model


def trial(env, model: lm.Model, rng, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One trial; returns states (steps, 4), actions (steps,) and the critic's values (steps,)."""
    states, actions, values = [], [], []
    state, _ = env.reset(seed=seed)
    ended = False
    while not ended:
        logits, value = model.predict_on_batch(state[None])
        left, right = logits[0]
        action = int(rng.random() < 1 / (1 + np.exp(left - right)))
        for column, each in zip((states, actions, values), (state, action, value[0, 0])):
            column.append(each)
        state, _, fell, over, _ = env.step(action)
        ended = fell or over
    return np.array(states), np.array(actions), np.array(values)


def returns(steps: int) -> np.ndarray:
    """Discounted reward from each step to the end, standardized: (steps,)."""
    found = (1 - DISCOUNT ** np.arange(steps, 0, -1)) / (1 - DISCOUNT)
    return ((found - found.mean()) / (found.std() + 1e-7)).astype("float32")


def learn(seed: int, most: int, learning_rate: float) -> tuple[lm.Model, list[int], bool]:
    """Train until the running mean is 475; returns model, steps of each trial and success."""
    lm.set_seed(seed)
    rng = np.random.default_rng(seed)
    model, lengths, mean = actor_and_critic(learning_rate), [], 10.0
    with gymnasium.make("CartPole-v1") as env:
        while len(lengths) < most and mean <= SOLVED:
            states, actions, values = trial(env, model, rng, seed * 100_000 + len(lengths))
            gains = returns(len(actions))
            taken = np.stack([actions, gains - values], axis=1).astype("float32")
            model.train_on_batch(states, {"actor": taken, "critic": gains[:, None]})
            lengths.append(len(actions))
            mean += SHARE * (len(actions) - mean)
    return model, lengths, mean > SOLVED


def measured(model: lm.Model, seed: int, trials: int) -> float:
    """Mean number of steps of further trials."""
    rng = np.random.default_rng(seed + 1000)
    with gymnasium.make("CartPole-v1") as env:
        steps = [len(trial(env, model, rng, seed=k)[1]) for k in range(10**8, 10**8 + trials)]
    return float(np.mean(steps))


def draw(model: lm.Model, curves: list[list[int]], path: str) -> None:
    """Draw the trials' lengths, and the critic's value of angle and angular velocity."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    for lengths in curves:
        width = min(20, len(lengths))
        left.plot(np.convolve(lengths, np.ones(width) / width, "valid"), linewidth=1.2)
    left.axhline(SOLVED, color="gray", linestyle=":")
    left.set(xlabel="trial", ylabel="steps, mean of 20 trials", title="a line a seed")
    angle, speed = np.meshgrid(np.linspace(-0.2, 0.2, 61), np.linspace(-2, 2, 61))
    states = np.zeros((angle.size, 4), "float32")
    states[:, 2], states[:, 3] = angle.ravel(), speed.ravel()
    _, value = model.predict(states, verbose=0)
    shown = right.pcolormesh(angle, speed, value.reshape(angle.shape), shading="auto")
    figure.colorbar(shown, ax=right, label="standardized reward to come")
    right.set(xlabel="angle", ylabel="angular velocity", title="the critic's opinion, last seed")
    figure.savefig(path, dpi=110)


def main(
    seeds: int = 10, most: int = 1500, learning_rate: float = 0.03, path: str | None = None
) -> dict[str, list]:
    """Learn with each seed; returns success, trials needed and mean steps afterwards."""
    found: dict[str, list] = {name: [] for name in FIGURES}
    curves = []
    for seed in range(seeds):
        model, lengths, solved = learn(seed, most, learning_rate)
        values = (solved, len(lengths), measured(model, seed, trials=100 if solved else 20))
        for column, value in zip(found.values(), values, strict=True):
            column.append(value)
        curves.append(lengths)
    if path:
        draw(model, curves, path)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="60 trials, one seed")
    parser.add_argument("--figure", help="write an image of trials and critic here")
    arguments = parser.parse_args()
    found = main(**(SMALL if arguments.quick else {}), path=arguments.figure)
    for name, values in found.items():
        print(f"{name:38}{np.mean(values):8.1f}")
