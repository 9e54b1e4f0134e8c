"""Remedies against feature suppression, composed with any method that has a projection."""

from __future__ import annotations

from collections.abc import Sequence

from suppression.methods import Method
from suppression.methods._projection import Projected
from suppression.methods.remedies.adversarial_mask import AdversarialMask
from suppression.methods.remedies.base import HOOKS, Clocked, Remedy, Stream, name_of
from suppression.methods.remedies.clusters import Clusters
from suppression.methods.remedies.covariance import Covariance
from suppression.methods.remedies.decoupled import DCL, DCLW
from suppression.methods.remedies.directclr import DirectCLR
from suppression.methods.remedies.feature_modification import IFM
from suppression.methods.remedies.hard_negatives import HCL, Debiased
from suppression.methods.remedies.head_weights import HeadWeights
from suppression.methods.remedies.hyperspherical import DHEL, KCL
from suppression.methods.remedies.reconstruction import LTD, Reconstruction
from suppression.methods.remedies.shared_feature import SharedFeature
from suppression.methods.remedies.sigmoid import SigLIP
from suppression.methods.remedies.spectral import Spectral
from suppression.methods.remedies.temperature import TemperatureSchedule
from suppression.methods.remedies.viewmaker import Viewmaker

REMEDIES: dict[str, type[Remedy]] = {
    "groups": SharedFeature,
    "clusters": Clusters,
    "ifm": IFM,
    "dhel": DHEL,
    "kcl": KCL,
    "dcl": DCL,
    "dclw": DCLW,
    "hcl": HCL,
    "debiased": Debiased,
    "tau_schedule": TemperatureSchedule,
    "head_weights": HeadWeights,
    "directclr": DirectCLR,
    "siglip": SigLIP,
    "spectral": Spectral,
    "covariance": Covariance,
    "reconstruction": Reconstruction,
    "ltd": LTD,
    "viewmaker": Viewmaker,
    "adversarial_mask": AdversarialMask,
}


def with_remedies(method: Method, remedies: Sequence[Remedy]) -> Method:
    """Compose a method with remedies, in place.

    Args:
        method: The method, trained or not. Without remedies it stays as it is.
        remedies: The remedies, none of which changes what another one changes.

    Returns:
        The same method, which has the remedies from now on.

    Raises:
        ValueError: A remedy does not go with the method, or two remedies change the same hook.
        TypeError: What is given is no remedy.

    Example:
        >>> from suppression.methods import SimCLR, Supervised
        >>> from suppression.models import ResNet
        >>> encoder = ResNet(width=4, stem=1, channels=1)
        >>> method = with_remedies(SimCLR(encoder), [IFM(epsilon=0.1)])
        >>> [remedy.name for remedy in method.remedies]
        ['ifm']
        >>> with_remedies(Supervised(encoder), [IFM()])
        Traceback (most recent call last):
            ...
        ValueError: remedy ifm needs NT-Xent of cosines at a temperature, which supervised has \
not; it goes with: simclr, continued
    """
    changed_by: dict[str, Remedy] = {}
    for remedy in [*getattr(method, "remedies", []), *remedies]:
        if not isinstance(remedy, Remedy):
            raise TypeError(f"{remedy!r} is not a Remedy, as REMEDIES['ifm'](epsilon=0.1) is")
        remedy.check(method)
        for hook in remedy.changes():
            if hook in changed_by:
                raise ValueError(
                    f"remedies {changed_by[hook].name} and {remedy.name} both change the {hook}; "
                    "give one of them"
                )
            changed_by[hook] = remedy
    if isinstance(method, Projected):
        for remedy in remedies:
            remedy.attach(method)
            for weight in method.parameters():
                remedy.to(weight.device)
                break
            if "head" in remedy.changes():
                method.head.requires_grad_(False)  # it is not used any more
            method.remedies.append(remedy)
    return method


__all__ = [
    "DCL",
    "DCLW",
    "DHEL",
    "HCL",
    "HOOKS",
    "IFM",
    "KCL",
    "LTD",
    "REMEDIES",
    "AdversarialMask",
    "Clocked",
    "Clusters",
    "Covariance",
    "Debiased",
    "DirectCLR",
    "HeadWeights",
    "Reconstruction",
    "Remedy",
    "SharedFeature",
    "SigLIP",
    "Spectral",
    "Stream",
    "TemperatureSchedule",
    "Viewmaker",
    "name_of",
    "with_remedies",
]
