//! Repeated measurements as a row of a table.

/// Milliseconds, measured over and over.
pub(crate) struct Samples {
    label: String,
    values: Vec<f64>,
}

impl Samples {
    pub(crate) const HEAD: &str = "| what | median | p90 | p99 | longest | runs |\n|---|---|---|---|---|---|";

    pub(crate) fn new(label: impl Into<String>) -> Self {
        Samples { label: label.into(), values: Vec::new() }
    }

    pub(crate) fn push(&mut self, value: f64) {
        self.values.push(value);
    }

    pub(crate) fn row(&self) -> String {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share).round() as usize];
        format!(
            "| {} | {:.1} ms | {:.1} ms | {:.1} ms | {:.1} ms | {} |",
            self.label,
            at(0.5),
            at(0.9),
            at(0.99),
            at(1.0),
            sorted.len()
        )
    }
}
