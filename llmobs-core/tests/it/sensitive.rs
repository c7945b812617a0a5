//! Values that nobody prints.

use std::collections::BTreeMap;

use llmobs_core::Sensitive;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Order {
    id: u32,
    name: Sensitive<String>,
    card: Option<Sensitive<u64>>,
}

fn order() -> Order {
    Order { id: 7, name: "Ada".to_owned().into(), card: Some(Sensitive::new(4_111)) }
}

#[test]
fn no_way_of_printing_shows_the_value() {
    let order = order();
    let said = format!("{order:?} {order:#?} {} {:>20} {:?}", order.name, order.name, order.card);
    let line = serde_json::to_string(&order).expect("JSON");
    assert_eq!(line, r#"{"id":7,"name":"[sensitive]","card":"[sensitive]"}"#);
    let names = BTreeMap::from([(Sensitive::new("Ada"), 1)]);
    let names = serde_json::to_string(&names).expect("JSON");
    for printed in [said, line, names] {
        assert!(!printed.contains("Ada") && !printed.contains("4111"), "{printed}");
        assert!(printed.contains("[sensitive]"));
    }
}

#[test]
fn the_value_is_used_as_what_it_is() {
    let mut order = order();
    order.name.push_str(" Lovelace");
    assert!(order.name.starts_with("Ada") && *order.name == "Ada Lovelace");
    let text: &str = &order.name;
    assert_eq!(text.len(), 12);
    assert_eq!(order.name.into_inner(), "Ada Lovelace");
}

#[test]
fn it_is_read_as_it_is() {
    let read: Order =
        serde_json::from_str(r#"{"id":7,"name":"Ada","card":4111}"#).expect("an order");
    assert_eq!(read, order());
}
