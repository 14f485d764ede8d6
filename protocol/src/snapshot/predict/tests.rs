//! What a predictor foresees, and that it stays within its bounds.

use super::*;
use proptest::prelude::*;

fn rule(kind: Kind, predict: Predict) -> Rule {
    Rule::new(&Field { name: String::new(), kind, predict }).expect("the kind is numeric")
}

fn int() -> Rule {
    rule(Kind::Int { min: i32::MIN.into(), max: i32::MAX.into() }, Predict::Auto)
}

/// The residuals of a series of values.
fn residuals(rule: Rule, values: impl IntoIterator<Item = i32>) -> Vec<i32> {
    let mut values = values.into_iter();
    let mut value = values.next().expect("a series begins");
    let mut predictor = Predictor::new(rule);
    values
        .map(|new| {
            let residual = rule.difference(predictor.forecast(rule, value).value, new);
            predictor.update(rule, value, new);
            value = new;
            residual
        })
        .collect()
}

fn zeros(residuals: &[i32]) -> usize {
    residuals.iter().filter(|&&residual| residual == 0).count()
}

#[test]
fn a_steady_course_is_foreseen() {
    let steady = residuals(int(), (0..40).map(|tick| tick * 12));
    assert!(zeros(&steady[3..]) == 36, "{steady:?}");
    let rounded = residuals(int(), (0..100).map(|tick| (f64::from(tick) * 12.3) as i32));
    assert!(rounded[3..].iter().all(|residual| residual.abs() <= 1), "{rounded:?}");
    let still = residuals(int(), [5; 20]);
    assert_eq!(zeros(&still), 19);
}

#[test]
fn what_approaches_a_target_is_foreseen() {
    // A velocity that closes in on 51 by a quarter a tick.
    let mut velocity = 0.0;
    let mut value = 0.0;
    let series = (0..12).map(|_| {
        velocity += (51.0 - velocity) / 4.0;
        value += velocity;
        value as i32
    });
    let residuals = residuals(int(), series.collect::<Vec<_>>());
    assert!(residuals[3..].iter().all(|residual| residual.abs() <= 5), "{residuals:?}");
}

#[test]
fn a_jump_leaves_no_velocity() {
    let residuals = residuals(int(), [0, 0, i32::MAX, i32::MAX, i32::MIN, i32::MIN, 7, 7]);
    assert_eq!(residuals, [0, i32::MAX, 0, 1, 0, i32::MIN + 7, 0]);
}

#[test]
fn an_angle_goes_the_shorter_way_round() {
    let angle = rule(Kind::Angle { bits: 10 }, Predict::Auto);
    assert_eq!(angle.difference(1020, 4), 8);
    assert_eq!(angle.difference(4, 1020), -8);
    assert_eq!(angle.moved(1020, 8), 4);
    let turning = residuals(angle, (0..200).map(|tick| (tick * 30) & 1023));
    assert!(zeros(&turning[3..]) == 196, "{turning:?}");
}

#[test]
fn the_schema_may_name_the_guess() {
    let ramp = (0..50).map(|tick| tick * 3);
    let hold = residuals(rule(Kind::Int { min: 0, max: 999 }, Predict::Hold), ramp.clone());
    assert_eq!(hold, [3; 49]);
    let velocity = residuals(rule(Kind::Int { min: 0, max: 999 }, Predict::Velocity), ramp);
    assert!(zeros(&velocity[2..]) == 47, "{velocity:?}");
}

#[test]
fn a_magnitude_is_its_digits() {
    for count in 0..=MAX_MAGNITUDE_DIGITS {
        assert_eq!(digits(magnitude(count)), count);
        assert_eq!(one_digit(magnitude(count)), magnitude(count));
    }
    assert!(digits(MAX_RESIDUAL << 4) <= MAX_MAGNITUDE_DIGITS);
}

proptest! {
    /// Coasting k steps at once is coasting k times; bounds hold whatever comes.
    #[test]
    fn steps_add_up(values in prop::collection::vec(any::<i32>(), 2..20), bits in 0..17u8, steps in 1..300u32) {
        let kind = if bits == 0 { Kind::Int { min: 0, max: 1 } } else { Kind::Angle { bits } };
        let rule = rule(kind, Predict::Velocity);
        let mut predictor = Predictor::new(rule);
        let mut value = 0;
        for &new in &values {
            let new = rule.moved(new, 0);
            predictor.update(rule, value, new);
            value = new;
            prop_assert_eq!(predictor.sound(), Some(predictor));
        }
        predictor.settle(0);
        let mut at_once = predictor;
        let mut one_by_one = predictor;
        let mut there = value;
        for _ in 0..steps {
            let forecast = one_by_one.forecast(rule, there);
            there = one_by_one.coast(rule, there, 1);
            prop_assert_eq!((there, one_by_one.offset), (forecast.value, forecast.fraction));
        }
        prop_assert_eq!(at_once.coast(rule, value, steps), there);
        prop_assert_eq!(at_once, one_by_one);
    }
}
