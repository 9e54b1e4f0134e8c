# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Audit your own encoder
# **One question: what can be read from a network that others trained, when something larger stands
# beside?**

# %%
import suppression as sup

title = "The first digit stays as it is, the second one grows"
sup.lessons.ladder("two_digits", canvas=64, size1=18, size2=[18, 22, 27, 36], title=title)

# %% [markdown]
# Most of us have an encoder and no training budget. So nothing is trained here: a network is
# frozen, and a linear readout is fitted on what it gives, once with one digit *alone* on the
# picture and once with both *together*. The network below is EfficientNet-Lite0, which was
# trained on photographs (ImageNet) with labels. It has never seen these scenes.
#
# **Predict.** Can it read a small digit alone? And beside one of twice its size?

# %%
record = sup.audit.record("efficientnet_lite0.digit_size")
record.plot()

# %% [markdown]
# **Explain.** A hollow marker is the digit alone, a filled one both together. Below the network
# stand two that learned nothing: the same network with random weights, and the pixels. Without
# them one could not tell "it does not read the small digit" from "nothing reads it".
#
# **Predict.** Is it that something large is *there*, or that it is *a digit, too*? In the column
# `blank` the large digit is always one and the same picture, so that it tells pictures apart no
# more.

# %%
print(record.table())

# %% [markdown]
# **Explain.** `left` is R, the share of what is read alone, above guessing, that is left beside the
# other digit. Three columns ask in another way: `named` asks for both digits without asking which
# is which, `mlp` reads with a small network, `labels` gives the readout more labelled pictures. If
# one of them reads more, then the digit is still there.
#
# Now ask an encoder of your own: any function from pictures (n, 3, s, s) in [0, 1] to features.
# This one looks at every fourth pixel. A name does, too: `"timm:resnet18.a1_in1k"`.

# %%
scenes = sup.dataset("two_digits", canvas=40, size1=12, size2=24)
own = sup.audit(
    lambda x: x[:, 0, ::4, ::4].flatten(1),
    scenes,
    raw=True,  # it takes pictures as they are drawn: else give mean, std and size
    title="every fourth pixel",
    train=400,
    test=200,
    mlp=None,
    keep=False,
)
own.plot()

# %% [markdown]
# ## Exercises
# 1. By how many points does EfficientNet-Lite0 read the *first* digit less together than alone,
#    where the second has 36 px (linear readout)?
# 2. What is shown by that: `suppression by training`, `readability under competition`, or
#    `forgetting`?
# 3. How large is R of the first digit beside 36 px?
#
# **What this lesson does not show.** This is one network, and one set of drawn pictures. Nothing
# here was trained with and without the large digit, so nothing is said of what training suppressed.
# And handwritten digits are far from the photographs that this network learned from.

# %%
points = None
sup.lessons.check("10.1", points)

# %%
word = None
sup.lessons.check("10.2", word)

# %%
left = None
sup.lessons.check("10.3", left)
