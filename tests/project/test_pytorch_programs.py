"""The programs of PyTorch's list, in folders of examples, at a small size and on small data."""

import pytest

from example_data import write_cora, write_multi30k, write_photographs, write_sick
from example_programs import run_small


@pytest.fixture
def image(tmp_path, monkeypatch, small_mnist):
    """The path of the program's figure; data sets are small."""
    monkeypatch.setenv("LAMINA_DATA", str(small_mnist))
    monkeypatch.setenv("LAMINA_OFFLINE", "1")
    return tmp_path / "figure.png"


# ---- graphs ------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["graphs/gcn_2017", "graphs/gat_2018"])
def test_edges_carry_labels_to_papers_without_one(name, image, small_mnist):
    write_cora(small_mnist / "cora")
    accuracy, other = run_small(name, image).values()
    assert accuracy > 75
    if "gcn" in name:
        assert other < accuracy - 10  # without edges
    else:
        assert 0.5 < other <= 1  # entropy of the shares


# ---- generative models -------------------------------------------------------------------------
def test_a_variational_autoencoder_has_a_divergence_in_its_loss(image):
    loss, divergence, loss_of_two = run_small("generative/vae_2013", image).values()
    assert 0 < divergence < loss < 784 * 0.6931  # of pixels that are guessed
    assert loss_of_two < 784 * 0.6931


def test_a_contest_of_two_networks_leaves_features_that_a_linear_classifier_can_use(image):
    features, untrained, pixels = run_small("generative/dcgan_2015", image).values()
    assert min(features, untrained, pixels) > 60


# ---- images ------------------------------------------------------------------------------------
def test_a_network_learns_from_pairs(image):
    pairs, examples, unseen = run_small("vision/siamese_2005", image).values()
    assert pairs > 60 and examples > 20 and unseen > 40


def test_layers_learn_without_a_backward_pass(image):
    both, first = run_small("vision/forward_forward_2022", image).values()
    assert both < 60 and first < 60


def test_sub_pixel_convolution_is_measured_next_to_bicubic_interpolation(image, small_mnist):
    pytest.importorskip("PIL")
    write_photographs(small_mnist / "images")
    bicubic, network, gain = run_small("vision/super_resolution_2016", image).values()
    assert bicubic > 15 and network > 5
    assert gain == pytest.approx(network - bicubic)


def test_processes_train_shared_weights_without_locks(image):
    two, one = run_small("vision/hogwild_2011", image).values()
    assert two > 15 and one > 15


# ---- texts -------------------------------------------------------------------------------------
def test_inference_between_sentences_is_learned(image, small_mnist):
    write_sick(small_mnist)
    both, second = run_small("text/natural_language_inference_2015", image).values()
    assert both > 30 and second > 30


def test_translation_is_scored_by_bleu(image, small_mnist):
    write_multi30k(small_mnist / "multi30k")
    bleu, copied, loss = run_small("text/translation_with_attention_2014", image).values()
    assert 0 <= bleu <= 100 and 0 <= copied <= 100 and 0 < loss < 5


# ---- reinforcement learning ----------------------------------------------------------------------
@pytest.mark.parametrize(
    "name", ["reinforcement/reinforce_1992", "reinforcement/actor_critic_1983"]
)
def test_a_policy_keeps_the_pole_up_for_longer(name, image):
    pytest.importorskip("gymnasium")
    solved, trials, steps = run_small(name, image).values()
    assert solved or trials == 60
    assert steps > 30  # without learning: 22


def test_q_learning_is_measured_without_random_actions(image):
    pytest.importorskip("gymnasium")
    solved, steps, length = run_small("reinforcement/dqn_2015", image).values()
    assert solved or steps >= 1500
    assert length >= 8
