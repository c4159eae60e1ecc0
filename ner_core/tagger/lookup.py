"""Keras' Embedding, reading only the rows it needs.

Chapter of part II. It answers: *how does a word's id become the numbers it stands for?* A table (V,D)
holds D learned numbers for each of V words; looking up is picking rows.

Source: `keras.layers.Embedding`, which the class extends: the same weights, the same numbers.
Differs from it: the rows are gathered from the variable itself. Keras first reads the whole table,
which TensorFlow copies (8 MB for 30,000 words) as soon as an optimizer writes into single rows of it.
"""

from __future__ import annotations

import keras
import tensorflow as tf


class Embedding(keras.layers.Embedding):
    """`keras.layers.Embedding`: ids (B,T) to vectors (B,T,D)."""

    def call(self, ids):
        return tf.gather(self.embeddings.value, ids)
