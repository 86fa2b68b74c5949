//! Totals of orders, from CSV: revenue by country, and the mean price by product.

use serde::Deserialize;
use wasmstream::prelude::*;

/// A record of the source. Columns go to fields by the names in the header line; other columns are left alone.
#[derive(Record, Deserialize, Clone)]
pub struct Order {
    country: String,
    product: String,
    quantity: u32,
    /// In cents: a sum of integers is exact.
    price: u64,
}

/// The job: `orders` in, `revenue` and `mean-price` out, a row for each key that had orders in the batch.
#[wasmstream::job]
pub fn job(j: &mut Job) {
    let orders = j
        .source("orders")
        .csv::<Order>()
        // What cannot be right fails alone, with a reason, and does not spoil the totals.
        .try_map::<Order>("checked", |order| match order.quantity {
            0 => Err(format!("an order of no {}", order.product).into()),
            _ => Ok(order),
        });

    // A clone of a stream is the same stream, for a second reader. `sum` and `mean` are run by the host, natively.
    orders
        .clone()
        .map::<(String, u64)>("amounts", |order| {
            (order.country, u64::from(order.quantity) * order.price)
        })
        .sum("revenue-by-country")
        .sink("revenue");

    orders
        .map::<(String, u64)>("prices", |order| (order.product, order.price))
        .mean("price-by-product")
        .sink("mean-price");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row<T>(key: &str, value: T) -> (String, T) {
        (key.to_owned(), value)
    }

    /// A test feeds records as they stand in a file, without the header line: it gives the columns in their order.
    fn feed<'t>(test: &'t mut TestJob, records: &[&str]) -> &'t mut TestJob {
        test.feed("orders", records).batch()
    }

    #[test]
    fn revenue_adds_up_over_batches() {
        let mut test = TestJob::new(job);
        feed(&mut test, &["de,tea,2,350", "fr,tea,1,400", "de,mug,1,900"]);
        let mut rows = test.rows::<(String, u64)>("revenue");
        rows.sort();
        assert_eq!(rows, [row("de", 1600), row("fr", 400)]);
        feed(&mut test, &["de,tea,1,400"]);
        assert_eq!(test.rows::<(String, u64)>("revenue"), [row("de", 2000)]);
    }

    #[test]
    fn the_mean_is_over_all_orders_so_far() {
        let mut test = TestJob::new(job);
        feed(&mut test, &["de,tea,2,300", "fr,tea,1,400"]);
        assert_eq!(
            test.rows::<(String, f64)>("mean-price"),
            [row("tea", 350.0)]
        );
    }

    #[test]
    fn what_is_no_order_fails_alone() {
        let mut test = TestJob::new(job);
        feed(
            &mut test,
            &["de,tea,0,300", "de,tea,many,300", "de,\"tea, green\",1,300"],
        );
        assert_eq!(test.failures().len(), 2);
        assert_eq!(test.rows::<(String, u64)>("revenue"), [row("de", 300)]);
    }
}
