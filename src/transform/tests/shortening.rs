use super::*;

const WHOLE: usize = 48;

fn shortens(metric: Metric) -> Transform {
    let mapping = Mapping {
        dims: Some(Dimensions::new(DIMENSIONS).unwrap()),
        ..Mapping::default()
    };
    Transform::resolve(mapping, &shape(&[""], WHOLE), target(metric)).unwrap()
}

fn with_vector(vector: Vec<f32>) -> Point {
    Point {
        dense: vec![Some(vector)],
        ..point("{}")
    }
}

#[test]
fn the_record_holds_the_first_numbers_at_length_1_under_cosine() {
    let mut vector = vec![0.0; WHOLE];
    vector[0] = 3.0;
    vector[31] = -4.0;
    vector[32] = 12.0;
    let made = both(&shortens(Metric::Cosine), with_vector(vector.clone())).unwrap();
    let mut expected = [0.0; DIMENSIONS];
    (expected[0], expected[31]) = (0.6, -0.8);
    assert_eq!(made.record.values, expected);
    for metric in [Metric::Euclidean, Metric::DotProduct] {
        let made = both(&shortens(metric), with_vector(vector.clone())).unwrap();
        assert_eq!(made.record.values, vector[..DIMENSIONS]);
    }
}

#[test]
fn a_vector_of_whose_first_numbers_none_is_left_stays_zero_and_is_noted() {
    let mut vector = vec![0.0; WHOLE];
    vector[40] = 1.0;
    let made = both(&shortens(Metric::Cosine), with_vector(vector.clone())).unwrap();
    assert_eq!(made.record.values, [0.0; DIMENSIONS]);
    assert!(made.notes.iter().any(|note| note == Note::ZeroVector));
    let made = both(&shortens(Metric::DotProduct), with_vector(vector)).unwrap();
    assert!(made.notes.iter().all(|note| note != Note::ZeroVector));
}

#[test]
fn the_whole_vector_is_checked_not_only_what_is_kept() {
    let mut vector = vec![1.0; WHOLE];
    vector[40] = f32::NAN;
    let rejection = both(&shortens(Metric::Cosine), with_vector(vector)).unwrap_err();
    assert_eq!(rejection.reason, Reason::NotFinite { position: 40 });
    let rejection = both(&shortens(Metric::Cosine), with_vector(vec![1.0; 40])).unwrap_err();
    let (found, wanted) = (40, WHOLE);
    assert_eq!(rejection.reason, Reason::WrongDimensions { found, wanted });
}

#[test]
fn as_many_as_there_are_changes_nothing() {
    let mapping = Mapping {
        dims: Some(Dimensions::new(DIMENSIONS).unwrap()),
        ..Mapping::default()
    };
    let transform = by(mapping);
    assert_eq!(transform.shortening(), None);
    let made = both(&transform, with_vector(vec![0.7; DIMENSIONS])).unwrap();
    assert_eq!(made.record.values, [0.7; DIMENSIONS]);
}
