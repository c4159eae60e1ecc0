"""A committee: several networks, asked as if they were one."""

from dataclasses import replace

import numpy as np
import pytest

from ner_core.data.corpus import load_corpus
from ner_core.records import EpochDone, RunEnded, RunStarted, Snapshot, StepDone
from ner_core.tagger import forward
from ner_core.tagger.encode import encode
from ner_core.tagger.networks import batch_inputs, build_network, layer_table, stacks, weight_shapes
from ner_core.tagger.predict import predict
from ner_core.tagger.recipes import new_tagger, recipe, resize
from ner_core.tagger.store import load_tagger, save_tagger
from ner_core.training.train import train

N_MEMBERS = 3


@pytest.fixture(scope="module")
def corpus():
    whole = load_corpus("newsroom")
    return replace(whole, train=whole.train[:120], dev=whole.dev[:40], test=())


@pytest.fixture(scope="module")
def base():
    small = resize(recipe("best"), word_width=8, lstm_width=8, conv_width=8, epochs=2, batch_tokens=100)
    return replace(small, network=replace(small.network, others=small.network.others[: N_MEMBERS - 1]))


@pytest.fixture(scope="module")
def trained(corpus, base):
    tagger = new_tagger(corpus, base)
    return tagger, list(train(tagger, corpus, base.training))


def _scores_of(tagger, corpus):
    encoded = encode(tagger.encoder, corpus.dev, with_tags=True)
    batch = encoded.batch(range(8))
    allowed = forward.allowed_transitions(tagger.encoder.tags)
    network = build_network(tagger.network, 1, allowed)
    network.load_weights_dict(tagger.weights)
    return batch, network, allowed


def test_every_member_has_weights_of_its_own_and_they_differ_from_the_start(corpus, base):
    tagger = new_tagger(corpus, base)
    network = build_network(tagger.network, 1, forward.allowed_transitions(tagger.encoder.tags))
    weights = network.weights_as_dict()
    assert {name: array.shape for name, array in weights.items()} == weight_shapes(tagger.network)
    first, second = weights["member1.dense.kernel"], weights["member2.dense.kernel"]
    assert not np.allclose(first, second)


def test_layer_table_counts_the_weights_of_all_members(corpus, base):
    network = new_tagger(corpus, base).network
    counted = sum(row["n_parameters"] for row in layer_table(network))
    assert counted == sum(np.prod(shape) for shape in weight_shapes(network).values())


def test_numpy_and_keras_average_alike(trained, corpus):
    tagger, _ = trained
    batch, network, _ = _scores_of(tagger, corpus)
    by_keras = network(batch_inputs(batch)).numpy()[batch.mask]
    by_numpy = forward.tag_scores(tagger.network, tagger.weights, batch)[batch.mask]
    assert np.all(np.abs(by_keras - by_numpy) <= 1e-5 * np.maximum(1, np.abs(by_keras)))


def test_the_average_is_the_product_of_the_members_distributions(trained, corpus):
    """log P of a committee = mean of the members' log P, but for what makes it sum to 1: differences of paths agree."""
    tagger, _ = trained
    batch, network, _ = _scores_of(tagger, corpus)
    mask = batch.mask[:1]
    paths = np.array([tagger.encoder.tag_to_id["O"] * np.ones(mask.shape, int), batch.tag_ids[:1]])  # (2,1,T)

    def log_ratio(scores, weights, names):
        transitions, start, end = (np.mean([weights[f"{n}.{a}"] for n in names], 0) for a in _CRF)
        return np.subtract(*[_path(scores, mask, path, transitions, start, end) for path in paths])

    alone = [
        log_ratio(member(batch_inputs(batch)).numpy()[:1], tagger.weights, [f"member{m}.crf"])
        for m, member in enumerate(network.members, 1)
    ]
    names = [stack[-1].name for stack in stacks(tagger.network)]
    together = log_ratio(network(batch_inputs(batch)).numpy()[:1], tagger.weights, names)
    assert together == pytest.approx(np.mean(alone), rel=1e-4)


_CRF = ("transitions", "start", "end")


def _path(scores, mask, path, transitions, start, end):
    """The score of one row of tags."""
    ids, n = path[0], int(mask.sum())
    moved = sum(transitions[ids[t - 1], ids[t]] for t in range(1, n))
    return start[ids[0]] + end[ids[n - 1]] + moved + sum(scores[0, t, ids[t]] for t in range(n))


def test_members_take_turns_and_all_of_them_learn(trained, corpus, base):
    _, events = trained
    started = next(event for event in events if isinstance(event, RunStarted))
    steps = [event for event in events if isinstance(event, StepDone)]
    assert started.n_steps % N_MEMBERS == 0 and len(steps) == started.n_steps * base.training.epochs
    per_epoch = sum(map(len, corpus.train))
    assert sum(event.n_tokens for event in steps if event.epoch == 1) == N_MEMBERS * per_epoch
    losses = [event.loss for event in steps]
    for member in range(N_MEMBERS):
        own = losses[member::N_MEMBERS]
        assert np.mean(own[-5:]) < np.mean(own[:5])


def test_same_seed_same_committee(trained, corpus, base):
    tagger, _ = trained
    again = new_tagger(corpus, base)
    list(train(again, corpus, base.training))
    assert all(np.array_equal(tagger.weights[name], again.weights[name]) for name in tagger.weights)


def test_a_stopped_committee_goes_on_as_if_it_had_not_been_stopped(trained, corpus, base):
    tagger, events = trained
    halfway = next(event.step for event in events if isinstance(event, EpochDone)) + 4
    kept: list[Snapshot] = []
    taken = iter(range(halfway + 2))
    first = new_tagger(corpus, base)
    for _ in train(
        first, corpus, base.training, keep=kept.append, control=lambda: "stop" if next(taken) == halfway else None
    ):
        pass
    resumed = new_tagger(corpus, base)
    ended = [event for event in train(resumed, corpus, base.training, start=kept[-1]) if isinstance(event, RunEnded)]
    assert ended[0].reason == "finished"
    assert all(np.array_equal(tagger.weights[name], resumed.weights[name]) for name in tagger.weights)


def test_a_committee_is_stored_and_answers_the_same(trained, tmp_path):
    tagger, _ = trained
    again = load_tagger(save_tagger(tagger, tmp_path / "committee"))
    text = ["Ada Lovelace met Charles Babbage in London on Monday."]
    assert predict(again, text) == predict(tagger, text)
    assert again.network == tagger.network
