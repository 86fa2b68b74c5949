//! A job with every operator, two sources and several sinks: the engine is held against the reference interpreter on it.

use std::time::Duration;

use serde::Deserialize;
use wasmstream::prelude::*;

/// A line of `orders`.
#[derive(Record, Deserialize, Clone)]
pub struct Order {
    shop: String,
    amount: f64,
    items: Option<u32>,
}

/// What is kept of a session.
#[derive(State, Clone, Default)]
pub struct Session {
    visits: u32,
    #[state(default = 0)]
    spent: u64,
    shops: Vec<String>,
}

/// The graph.
#[wasmstream::job(name = "operators", version = "2.1.0")]
pub fn job(j: &mut Job) {
    let bonus = j.setting("bonus", 5_u64);
    let orders = j.source("orders").json::<Order>();
    let visits = j.source("visits").csv::<Order>();
    let all = orders.clone().union(visits.clone());

    let by_shop = all.clone().key_by::<String>("by-shop", |order| order.shop.clone());
    by_shop.clone().count("orders-per-shop").sink("counts");
    let amounts = all.clone().map::<(String, f64)>("amounts", |order| (order.shop, order.amount));
    amounts.clone().sum("sum").sink("sums");
    amounts.clone().mean("mean").sink("means");
    amounts.clone().max("max").sink("maxima");
    amounts.min("min").sink("minima");

    all.clone()
        .try_map::<(String, u64)>("items", |order| {
            let items = order.items.ok_or_else(|| format!("{} sold nothing", order.shop))?;
            Ok((order.shop, u64::from(items)))
        })
        .reduce_by_key("most-items", |a, b| a.max(b))
        .filter("many", |(_, items)| *items > 3)
        .flat_map::<(u64, String)>("by-items", |(shop, items), out| out.emit((items, shop)))
        .update_state_by_key::<Vec<String>, (u64, String)>("shops-by-items", move |items, shops, state, out| {
            let known = state.get_or_default();
            known.extend(shops.map(str::to_owned));
            known.sort();
            known.dedup();
            out.emit((items + bonus.get(), known.join("+")));
        })
        .sink("by-items");

    by_shop
        .map_with_state::<Session, (String, u32, u64)>(
            "sessions",
            Timeout::after(Duration::from_millis(20)),
            |shop, order, state, out| match order {
                Some(order) => {
                    let session = state.get_or_default();
                    session.visits += 1;
                    session.spent += order.amount as u64;
                    session.shops.push(order.shop);
                }
                None => {
                    if let Some(session) = state.get() {
                        out.emit((shop, session.visits, session.spent));
                    }
                }
            },
        )
        .sink("sessions");
    visits.map::<String>("names", |order| order.shop).sink("names");
}
