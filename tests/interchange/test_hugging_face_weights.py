"""GPT-2, BERT and MiniLM with weights of Hugging Face: the same results, from random weights."""

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ShapeError

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

IDS = np.array([[4, 20, 7, 9, 33], [1, 2, 3, 0, 0]])
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
SEGMENTS = np.array([[0, 0, 1, 1, 1], [0, 0, 0, 0, 0]])


def saved(net, folder):
    generator = torch.Generator().manual_seed(0)
    for value in net.state_dict().values():
        if value.dtype == torch.float32 and value.ndim == 1:
            value.normal_(0.1, 0.3, generator=generator)
    net.eval().save_pretrained(folder)
    return net


@pytest.mark.parametrize("kind", ["GPT2LMHeadModel", "GPT2Model"])
def test_gpt2_gives_the_logits_of_transformers(kind, tmp_path):
    config = transformers.GPT2Config(
        n_layer=2, n_embd=32, n_head=4, vocab_size=100, n_positions=64, initializer_range=0.2
    )
    torch.manual_seed(0)
    net = saved(getattr(transformers, kind)(config), tmp_path)
    model = lm.zoo.GPT2(2, 32, 4, 100, 64, weights=tmp_path)
    with torch.no_grad():
        if kind == "GPT2Model":
            hidden = net(torch.tensor(IDS)).last_hidden_state
            expected = (hidden @ net.wte.weight.T).numpy()
        else:
            expected = net(torch.tensor(IDS)).logits.numpy()
    np.testing.assert_allclose(model(IDS).numpy(), expected, atol=1e-4)


@pytest.mark.parametrize("kind", ["BertModel", "BertForMaskedLM"])
def test_bert_gives_the_outputs_of_transformers(kind, tmp_path):
    config = transformers.BertConfig(
        num_hidden_layers=2, hidden_size=32, num_attention_heads=4, vocab_size=100,
        max_position_embeddings=64, intermediate_size=128, initializer_range=0.2,
    )  # fmt: skip
    torch.manual_seed(0)
    net = saved(getattr(transformers, kind)(config), tmp_path)
    if kind == "BertForMaskedLM":  # which has no pooler
        with pytest.raises(ShapeError, match="pooler"):
            lm.zoo.BERT(2, 32, 4, 100, 64, weights=tmp_path)
        return
    model = lm.zoo.BERT(2, 32, 4, 100, 64, weights=tmp_path)
    found = model({"token_ids": IDS, "padding_mask": MASK, "segment_ids": SEGMENTS})
    with torch.no_grad():
        expected = net(torch.tensor(IDS), torch.tensor(MASK), torch.tensor(SEGMENTS))
    there = MASK[..., None].astype(bool)
    np.testing.assert_allclose(
        np.where(there, found["sequence_output"].numpy(), 0),
        np.where(there, expected.last_hidden_state.numpy(), 0),
        atol=1e-4,
    )
    np.testing.assert_allclose(
        found["pooled_output"].numpy(), expected.pooler_output.numpy(), atol=1e-4
    )


@pytest.mark.slow
def test_minilm_gives_the_outputs_of_transformers(tmp_path):
    config = transformers.BertConfig(
        num_hidden_layers=6, hidden_size=384, num_attention_heads=12, intermediate_size=1536
    )
    torch.manual_seed(0)
    net = saved(transformers.BertModel(config), tmp_path)
    model = lm.zoo.MiniLM(weights=tmp_path)
    found = model({"token_ids": IDS, "padding_mask": MASK, "segment_ids": SEGMENTS})
    with torch.no_grad():
        expected = net(torch.tensor(IDS), torch.tensor(MASK), torch.tensor(SEGMENTS))
    np.testing.assert_allclose(
        found["pooled_output"].numpy(), expected.pooler_output.numpy(), atol=1e-4
    )
