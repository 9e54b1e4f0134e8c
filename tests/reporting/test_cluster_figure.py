"""The sheet of clusters: its text can be read on a page, and stands within the sheet."""

from __future__ import annotations

import pytest
import torch

from suppression.experiment.plan import make_plan
from suppression.reporting.cluster_figure import cluster_figure

PAGE, LEAST = 830, 9  # px: a figure on a page of GitHub, and the smallest text there


@pytest.fixture(scope="module")
def sheet():
    planned = make_plan("local_features")
    drawn = torch.Generator().manual_seed(0)
    x = torch.rand(8, 1, 40, 40, generator=drawn)
    masks = (torch.rand(8, 2, 40, 40, generator=drawn) > 0.9).float()
    maps = {}
    for arm in planned.arms:
        maps[arm.label] = {
            "rgb": torch.rand(8, 3, 10, 10, generator=drawn),
            "block3": torch.rand(8, 4, 10, 10, generator=drawn),
        }
    return cluster_figure(planned, x, masks, maps)


def test_text_can_be_read_on_a_page(sheet):
    (ax,) = sheet.axes
    scale = PAGE / (72 * sheet.get_figwidth())
    assert ax.texts
    for text in ax.texts:
        assert text.get_fontsize() * scale >= LEAST, text.get_text()


def test_text_stands_within_the_sheet_and_not_over_another(sheet):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(sheet).draw()
    boxes = [text.get_window_extent() for text in sheet.axes[0].texts]
    width, height = sheet.get_size_inches() * sheet.dpi
    for i, box in enumerate(boxes):
        assert 0 <= box.x0 < box.x1 <= width, sheet.axes[0].texts[i]
        assert 0 <= box.y0 < box.y1 <= height, sheet.axes[0].texts[i]
        assert not any(box.overlaps(other) for other in boxes[:i]), sheet.axes[0].texts[i]
