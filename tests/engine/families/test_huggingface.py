"""Classes of Hugging Face ``transformers``, made from a configuration: nothing is downloaded."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
import transformers

from tests.engine.families.common import Study, assert_sum_is_that_of_autograd, metric, trained
from tests.engine.families.sentences import LENGTH, WORDS, counting, sentences
from workbench.models.lora import lora

BERT = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "vocab_size": WORDS,
}


def distilbert():
    return transformers.DistilBertForSequenceClassification(
        transformers.DistilBertConfig(
            vocab_size=WORDS,
            dim=16,
            hidden_dim=32,
            n_layers=2,
            n_heads=2,
            max_position_embeddings=LENGTH,
            dropout=0.02,
            attention_dropout=0.02,
            seq_classif_dropout=0.02,
            initializer_range=0.2,
        )
    )


def bert():
    return transformers.BertForSequenceClassification(
        transformers.BertConfig(
            **BERT,
            max_position_embeddings=LENGTH,
            hidden_dropout_prob=0.02,
            attention_probs_dropout_prob=0.02,
            initializer_range=0.2,
        )
    )


def roberta():
    # Positions count on from the padding token's number, which no sentence has.
    return transformers.RobertaForSequenceClassification(
        transformers.RobertaConfig(
            **BERT | {"vocab_size": WORDS + 1},
            pad_token_id=WORDS,
            max_position_embeddings=WORDS + 1 + LENGTH,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            initializer_range=0.2,
        )
    )


def classification() -> Study:
    study = sentences()

    def classify(model, record):
        ids = record["ids"].long().unsqueeze(0)
        logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0]
        return F.cross_entropy(logits, record["y"]), {"accuracy": logits.argmax() == record["y"]}

    return Study(classify, study.schema, study.columns)


@pytest.mark.slow
@pytest.mark.parametrize("make", [distilbert, bert, roberta])
def test_hugging_face_encoder(make):
    study = classification()
    torch.manual_seed(0)
    model = make().train()
    assert_sum_is_that_of_autograd(study, model)
    graph, result = trained(study, model, optimizer="adam", learning_rate=0.01, steps=25)
    assert any(name.startswith("noise:") for name in graph.inputs) == (make is not roberta)
    assert metric(result, "accuracy") > 0.8


def gpt2():
    return transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=WORDS,
            n_embd=16,
            n_layer=2,
            n_head=2,
            n_positions=LENGTH,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            initializer_range=0.2,
            bos_token_id=0,
            eos_token_id=0,
        )
    )


def llama():
    return transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            **BERT,
            num_key_value_heads=1,
            max_position_embeddings=LENGTH,
            initializer_range=0.2,
            bos_token_id=0,
            eos_token_id=0,
        )
    )


@pytest.mark.slow
@pytest.mark.parametrize("make", [gpt2, llama])
def test_hugging_face_decoder(make):
    study = counting()

    def predict(model, record):
        ids = record["ids"].long()
        logits = model(input_ids=ids[:-1].unsqueeze(0), use_cache=False).logits[0]
        right = (logits[1:].argmax(-1) == ids[2:]).float().mean()
        return F.cross_entropy(logits, ids[1:]), {"next_word": right}

    study = Study(predict, study.schema, study.columns)
    torch.manual_seed(0)
    model = make().train()
    assert_sum_is_that_of_autograd(study, model)
    graph, result = trained(
        study,
        model,
        optimizer="adam",
        learning_rate=0.01,
        steps=40,
        sample_rate=0.5,
        noise_multiplier=0.8,
    )
    # GPT-2 ties its input and output embeddings.
    assert len(graph.ties) == (make is gpt2)
    assert metric(result, "next_word") > 0.5


@pytest.mark.slow
def test_low_rank_adaptation_of_a_hugging_face_model():
    study = classification()
    torch.manual_seed(0)
    model = lora(
        distilbert().eval(),
        rank=2,
        targets=("q_lin", "v_lin"),
        train=("pre_classifier", "classifier"),
    )
    assert_sum_is_that_of_autograd(study, model)
    graph, result = trained(study, model, optimizer="adam", learning_rate=0.02, steps=40)
    assert graph.facts.trainable < 0.15 * graph.facts.parameters
    assert metric(result, "accuracy") > 0.65
