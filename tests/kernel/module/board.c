// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * The hardware of a board that heats: the clock of its cores, the sensor beside them, a power meter.
 *
 * What runs above both is the kernel's own: cpufreq-dt, its cooling device, the thermal zone and its
 * governor. The heat follows the clock that is in effect, through two nodes (cores, board), so that
 * whoever sets the clock meets what it makes of the temperature. Parameters let either one fail.
 */
#include <linux/clk-provider.h>
#include <linux/delay.h>
#include <linux/hwmon.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/of.h>
#include <linux/platform_device.h>
#include <linux/thermal.h>

#define STEP_US 20000

/* Heat: a Raspberry Pi 4B's, as adaptive/boards/rpi4b.yaml has it, less well cooled. */
static int ambient_mdegc = 30000;
static int cores_mj_per_k = 4000, board_mj_per_k = 4630;
static int between_mk_per_w = 2300, to_ambient_mk_per_w = 15000;
static int active_uw_per_mhz_v2 = 1744, idle_uw_per_mhz_v2 = 154;
static int leakage_uw = 280000, constant_uw = 1700000;

/* What the scenario turns. */
static int busy_permille = 1000; /* share of the time that the cores work */
static int shown_mdegc;          /* the sensor says this instead, unless 0 */
static int read_errno;           /* it answers with this error, unless 0 */
static int read_delay_ms;        /* it answers so late */
module_param(ambient_mdegc, int, 0644);
module_param(busy_permille, int, 0644);
module_param(shown_mdegc, int, 0644);
module_param(read_errno, int, 0644);
module_param(read_delay_ms, int, 0644);

static DEFINE_MUTEX(lock);
static unsigned long rate_hz = 600000000;
static s64 cores_udegc, board_udegc, peak_udegc, power_uw;
static ktime_t at;

static s64 volts_mv(s64 mhz)
{
	return mhz <= 1500 ? 844 : 844 + div_s64((mhz - 1500) * 22, 100);
}

static void step(void)
{
	s64 mhz = rate_hz / 1000000, mv = volts_mv(mhz);
	s64 per_mhz = div_s64((s64)active_uw_per_mhz_v2 * busy_permille, 1000) + idle_uw_per_mhz_v2;
	s64 switched = div_s64(per_mhz * mhz * mv * mv, 1000000);
	s64 leaks = leakage_uw + div_s64(leakage_uw * 22 * div_s64(cores_udegc - 80000000, 1000), 1000000);
	s64 flow = div_s64((cores_udegc - board_udegc) * 1000, between_mk_per_w);
	s64 out = div_s64((board_udegc - 1000LL * ambient_mdegc) * 1000, to_ambient_mk_per_w);

	power_uw = switched + max(leaks, 0LL) + constant_uw;
	cores_udegc += div_s64((power_uw - constant_uw - flow) * STEP_US, 1000LL * cores_mj_per_k);
	board_udegc += div_s64((constant_uw + flow - out) * STEP_US, 1000LL * board_mj_per_k);
	peak_udegc = max(peak_udegc, cores_udegc);
}

/* Let the time since the last look pass. */
static void advance(void)
{
	while (ktime_us_delta(ktime_get(), at) >= STEP_US) {
		step();
		at = ktime_add_us(at, STEP_US);
	}
}

static int show_heat(char *buffer, const struct kernel_param *param)
{
	s64 *value = param->arg;

	mutex_lock(&lock);
	advance();
	mutex_unlock(&lock);
	return sysfs_emit(buffer, "%lld\n", div_s64(*value, 1000));
}

/* Begin anew at a temperature. */
static int set_heat(const char *text, const struct kernel_param *param)
{
	int mdegc, error = kstrtoint(text, 0, &mdegc);

	if (error)
		return error;
	mutex_lock(&lock);
	at = ktime_get();
	cores_udegc = board_udegc = peak_udegc = 1000LL * mdegc;
	mutex_unlock(&lock);
	return 0;
}

static const struct kernel_param_ops heat_ops = { .get = show_heat, .set = set_heat };
module_param_cb(junction_mdegc, &heat_ops, &cores_udegc, 0644);
module_param_cb(peak_mdegc, &heat_ops, &peak_udegc, 0444);

static unsigned long clock_rate(struct clk_hw *hw, unsigned long parent_rate)
{
	return rate_hz;
}

static int clock_determine(struct clk_hw *hw, struct clk_rate_request *request)
{
	return 0; /* any rate that is asked for */
}

static int clock_set(struct clk_hw *hw, unsigned long rate, unsigned long parent_rate)
{
	mutex_lock(&lock);
	advance();
	rate_hz = rate;
	mutex_unlock(&lock);
	return 0;
}

static const struct clk_ops clock_ops = {
	.recalc_rate = clock_rate,
	.determine_rate = clock_determine,
	.set_rate = clock_set,
};

static int read_temperature(struct thermal_zone_device *zone, int *temp)
{
	if (read_delay_ms)
		msleep(read_delay_ms);
	if (read_errno)
		return -read_errno;
	mutex_lock(&lock);
	advance();
	*temp = shown_mdegc ? shown_mdegc : div_s64(cores_udegc, 1000);
	mutex_unlock(&lock);
	return 0;
}

static const struct thermal_zone_device_ops zone_ops = { .get_temp = read_temperature };

static umode_t meter_visible(const void *data, enum hwmon_sensor_types type, u32 attr, int channel)
{
	return 0444;
}

static int read_meter(struct device *dev, enum hwmon_sensor_types type, u32 attr, int channel,
		      long *value)
{
	mutex_lock(&lock);
	advance();
	*value = power_uw;
	mutex_unlock(&lock);
	return 0;
}

static const struct hwmon_ops meter_ops = { .is_visible = meter_visible, .read = read_meter };
static const struct hwmon_channel_info *meter_channels[] = {
	HWMON_CHANNEL_INFO(power, HWMON_P_INPUT), NULL
};
static const struct hwmon_chip_info meter = { .ops = &meter_ops, .info = meter_channels };

static int board_probe(struct platform_device *device)
{
	static const struct clk_init_data init = {
		.name = "board-cores",
		.ops = &clock_ops,
		.flags = CLK_GET_RATE_NOCACHE,
	};
	static struct clk_hw clock;
	struct thermal_zone_device *zone;
	struct device *hwmon;
	int error;

	clock.init = &init;
	at = ktime_get();
	cores_udegc = board_udegc = peak_udegc = 1000LL * ambient_mdegc;
	error = devm_clk_hw_register(&device->dev, &clock);
	if (!error)
		error = devm_of_clk_add_hw_provider(&device->dev, of_clk_hw_simple_get, &clock);
	if (error)
		return error;
	zone = devm_thermal_of_zone_register(&device->dev, 0, NULL, &zone_ops);
	if (IS_ERR(zone))
		return PTR_ERR(zone);
	hwmon = devm_hwmon_device_register_with_info(&device->dev, "ina231", NULL, &meter, NULL);
	return PTR_ERR_OR_ZERO(hwmon);
}

static const struct of_device_id board_match[] = { { .compatible = "adaptive,board" }, {} };
MODULE_DEVICE_TABLE(of, board_match);

static struct platform_driver board_driver = {
	.probe = board_probe,
	.driver = { .name = "adaptive-board", .of_match_table = board_match },
};
module_platform_driver(board_driver);

MODULE_DESCRIPTION("The clock, the sensor and the meter of a board that heats");
MODULE_LICENSE("Dual MIT/GPL");
