use super::*;

#[test]
fn a_small_archive_is_looked_at_whole() {
    assert_eq!(stretches(0), []);
    assert_eq!(stretches(1), std::slice::from_ref(&(0..1)));
    assert_eq!(stretches(4_096), std::slice::from_ref(&(0..4_096)));
}

#[test]
fn a_large_archive_is_looked_at_from_its_first_to_its_last_points() {
    for points in [4_097, 1_000_000, 10_000_019] {
        let stretches = stretches(points);
        assert_eq!(stretches.len() as u64, STRETCHES);
        assert_eq!(stretches[0].start, 0);
        let end = stretches.last().unwrap().end;
        assert!(points - STRETCHES <= end && end <= points, "{points} {end}");
    }
}

#[test]
fn every_kind_of_point_is_shown_before_a_second_of_one_kind() {
    let rejected: Vec<u64> = (0..10).collect();
    let candidates = [rejected, vec![20], vec![30, 31], (40..100).collect()];
    assert!(choose(&candidates, 0).is_empty());
    assert_eq!(choose(&candidates, 1), [0]);
    assert_eq!(choose(&candidates, 4), [0, 20, 30, 40]);
    assert_eq!(choose(&candidates, 6), [0, 5, 20, 30, 31, 40]);
    assert_eq!(choose(&candidates, 1_000).len(), 73);
}
