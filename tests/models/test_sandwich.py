import torch
from graphs import random_images

from adaptive.labels import LabelTree
from adaptive.precision import Bits, PrecisionPlan, random_plans
from models.calibrate import calibrate_ranges
from models.heads import HeadLoss, distillation
from models.layers import SwitchableConv2d, SwitchableLinear
from models.network import SwitchableNetwork, chain
from models.pooling import GlobalAveraging
from models.sandwich import sandwich_loss
from models.window import square

TREE = LabelTree(("a", "b", "c"), ("leaf",), ((), (), ()))
SQUARES = HeadLoss(TREE, lambda logits, _labels: logits.square().sum())
LABELS = torch.zeros(5, dtype=torch.int64)
BITS = (Bits.INT16, Bits.INT8, Bits.INT4)


def network() -> SwitchableNetwork:
    torch.manual_seed(0)
    net = SwitchableNetwork(
        (6, 5, 2),
        chain(
            ("stem", SwitchableConv2d(2, 4, window=square(3), bit_list=BITS)),
            ("mean", GlobalAveraging()),
            ("head", SwitchableLinear(4, 3, is_head=True, bit_list=BITS)),
        ),
    )
    calibrate_ranges(net, random_images(20))
    return net.train()


def test_the_loss_is_that_of_the_widest_plus_the_mean_divergence_of_the_others() -> None:
    net, images = network(), torch.from_numpy(random_images(5))
    loss = sandwich_loss(net, images, LABELS, loss=SQUARES, mixes=2, seed=7)

    def answer(plan: PrecisionPlan) -> torch.Tensor:
        net.set_plan(plan)
        return net.head_real(images)

    teacher = answer(PrecisionPlan.uniform(net.layers, Bits.INT16))
    plans = [PrecisionPlan.uniform(net.layers, bits) for bits in BITS[1:]]
    plans += random_plans(net.layers, 2, seed=7, bits=BITS)
    apart = torch.stack([distillation(answer(plan), teacher) for plan in plans])
    torch.testing.assert_close(loss, teacher.square().sum() + apart.mean())
    assert apart[1] > 0


def test_every_bias_is_trained_and_mixes_may_be_left_out() -> None:
    net, images = network(), torch.from_numpy(random_images(5))
    sandwich_loss(net, images, LABELS, loss=SQUARES, mixes=0, seed=0).backward()
    for layer in net.switchable.values():
        assert layer.bias.grad is not None
        assert (layer.bias.grad.abs().sum(dim=1) > 0).all()


def test_mixes_are_drawn_from_a_pool_where_there_is_one() -> None:
    net, images = network(), torch.from_numpy(random_images(5))
    asked: list[PrecisionPlan] = []
    run = net.set_plan

    def note(plan: PrecisionPlan | None) -> None:
        asked.append(plan)
        run(plan)

    net.set_plan = note
    pool = [PrecisionPlan(net.layers, (Bits.INT16, Bits.INT8))]
    sandwich_loss(
        net, images, LABELS, loss=SQUARES, mixes=2, seed=0, pool=pool
    )  # more mixes than plans: each once
    assert asked == [
        *(PrecisionPlan.uniform(net.layers, bits) for bits in BITS),
        *pool,
    ]
