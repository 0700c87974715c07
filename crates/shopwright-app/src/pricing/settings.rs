//! Settings of the price engine: policy layers and promotions, checked before they are kept.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value as Json;
use shopwright_domain::catalog::{SHOP_ID_BYTES_MAX, Sku};
use shopwright_domain::money::Currency;
use shopwright_domain::pricing::{
    DemandSignal, PolicyError, PolicyFacts, PolicyPatch, PricePolicy,
};
use shopwright_domain::time::Timestamp;
use shopwright_store::audit::{self, Stamp};
use shopwright_store::pricing::FactsOf;
use shopwright_store::{Change, Store, StoreError, Tx, catalog, pricing};

use super::price_events;
use super::refresh::read_patch;

/// Products of a scope that a change is checked against at most, per page.
const CHECK_PAGE: i64 = 1_000;

/// Where a layer of settings holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyScope {
    /// The whole store.
    Store,
    /// A category and everything below it.
    Category(String),
    /// One product.
    Sku(Sku),
}

impl PolicyScope {
    /// Reads the parts of a URL or command: `store`, `category` + path, `sku` + code.
    pub fn parse(scope: &str, key: &str) -> Option<Self> {
        match scope {
            "store" if key.is_empty() => Some(Self::Store),
            "category"
                if !key.is_empty() && key.len() <= SHOP_ID_BYTES_MAX && !key.contains('\0') =>
            {
                Some(Self::Category(key.to_owned()))
            }
            "sku" => Sku::parse(key).ok().map(Self::Sku),
            _ => None,
        }
    }

    /// The stored form.
    pub fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Store => ("store", ""),
            Self::Category(path) => ("category", path),
            Self::Sku(sku) => ("sku", sku.as_str()),
        }
    }

    /// What the audit log calls the layer.
    fn object(&self) -> String {
        match self.parts() {
            ("store", _) => "price_policy/store".to_owned(),
            (name, key) => format!("price_policy/{name}/{key}"),
        }
    }
}

/// Whether a scope covers a product: the store, its category or one above it, or the SKU itself.
pub(super) fn applies(scope: &str, key: &str, sku: &Sku, category: Option<&str>) -> bool {
    match scope {
        "store" => true,
        "sku" => key == sku.as_str(),
        _ => category.is_some_and(|path| {
            path == key || path.strip_prefix(key).is_some_and(|rest| rest.starts_with('/'))
        }),
    }
}

/// All layers of the store, ready to be laid over each other.
pub(super) struct Layers {
    store: Option<PolicyPatch>,
    /// Broad to narrow: a prefix sorts before what it is a prefix of.
    categories: BTreeMap<String, PolicyPatch>,
    skus: HashMap<String, PolicyPatch>,
}

impl Layers {
    /// Whether any layer counts demand in views or carts.
    pub(super) fn follow_traffic(&self) -> bool {
        let all = self.store.iter().chain(self.categories.values()).chain(self.skus.values());
        all.filter_map(|patch| patch.demand_signal).any(DemandSignal::is_traffic)
    }

    pub(super) fn load(tx: &mut Tx<'_>) -> Result<Self, StoreError> {
        let mut layers = Self { store: None, categories: BTreeMap::new(), skus: HashMap::new() };
        for row in pricing::list_policies(tx)? {
            let patch = read_patch(row.patch).map_err(|error| StoreError::Corrupt {
                table: "pricing_policies".into(),
                column: "patch".into(),
                id: format!("{} {}", row.scope, row.scope_key),
                problem: error.to_string(),
            })?;
            layers.insert(&row.scope, row.scope_key, Some(patch));
        }
        Ok(layers)
    }

    fn insert(&mut self, scope: &str, key: String, patch: Option<PolicyPatch>) {
        match (scope, patch) {
            ("store", patch) => self.store = patch,
            ("sku", Some(patch)) => drop(self.skus.insert(key, patch)),
            ("sku", None) => drop(self.skus.remove(&key)),
            (_, Some(patch)) => drop(self.categories.insert(key, patch)),
            (_, None) => drop(self.categories.remove(&key)),
        }
    }

    pub(super) fn resolve(&self, sku: &Sku, category: Option<&str>) -> PricePolicy {
        let narrower = self
            .categories
            .iter()
            .filter(|(key, _)| applies("category", key, sku, category))
            .map(|(_, p)| p);
        PricePolicy::resolve(self.store.iter().chain(narrower).chain(self.skus.get(sku.as_str())))
    }
}

/// Hours after which a competitor's price of this product is too old to count.
pub(crate) fn fresh_hours_of(
    tx: &mut Tx<'_>,
    sku: &Sku,
    category: Option<&str>,
) -> Result<i64, StoreError> {
    Ok(Layers::load(tx)?.resolve(sku, category).competitor_fresh_hours)
}

/// Why settings were refused; nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum PolicyChangeError {
    /// Fields that cannot hold.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<PolicyError>),
    /// Fields that cannot hold for a product of the scope.
    #[error("for {sku}: {}", .errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    InvalidFor {
        /// The first product they fail for.
        sku: Sku,
        /// What fails.
        errors: Vec<PolicyError>,
    },
    /// There is no such product.
    #[error("there is no product {0}")]
    UnknownSku(Sku),
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Replaces the layer of a scope after checking it against every product it covers. A freeze of the
/// whole store stays until somebody lifts it by name: settings that say nothing of it do not.
pub fn set_policy(
    tx: &mut Tx<'_>,
    scope: &PolicyScope,
    patch: &PolicyPatch,
    currency: Currency,
    stamp: Stamp,
) -> Result<(), PolicyChangeError> {
    audit::lock(tx)?;
    if let PolicyScope::Sku(sku) = scope
        && catalog::find(tx, sku)?.is_none()
    {
        return Err(PolicyChangeError::UnknownSku(sku.clone()));
    }
    patch.validate(currency).map_err(PolicyChangeError::Invalid)?;
    let (name, key) = scope.parts();
    let mut layers = Layers::load(tx)?;
    let mut patch = patch.clone();
    if *scope == PolicyScope::Store && patch.freeze.is_none() {
        patch.freeze = layers.store.as_ref().and_then(|kept| kept.freeze);
    }
    layers.insert(name, key.to_owned(), Some(patch.clone()));
    check_products(tx, scope, &layers, stamp.at)?;
    let json = serde_json::to_value(&patch)
        .map_err(|e| StoreError::Bug(format!("a policy has no JSON form: {e}")))?;
    write_layer(tx, scope, json, "price_policy.set", stamp)?;
    Ok(())
}

/// Keeps a layer and records what it was before.
fn write_layer(
    tx: &mut Tx<'_>,
    scope: &PolicyScope,
    patch: Json,
    action: &'static str,
    stamp: Stamp,
) -> Result<(), StoreError> {
    let (name, key) = scope.parts();
    let before = pricing::find_policy(tx, name, key)?.map(|row| row.patch);
    pricing::set_policy(tx, name, key, &patch, stamp.at)?;
    tx.announce(Change::PriceInputs);
    if *scope == PolicyScope::Store {
        let frozen = (stops_prices(before.as_ref()), stops_prices(Some(&patch)));
        price_events::freeze_changed(tx, frozen, stamp.at)?;
    }
    audit::record(tx, &stamp.entry(action, scope.object(), before, Some(patch)))?;
    Ok(())
}

/// Whether a layer of the whole store stops every price.
fn stops_prices(patch: Option<&Json>) -> bool {
    patch.is_some_and(|patch| patch["freeze"] == true)
}

/// Removes the layer of a scope. `false` when there was none.
pub fn clear_policy(
    tx: &mut Tx<'_>,
    scope: &PolicyScope,
    stamp: Stamp,
) -> Result<bool, StoreError> {
    audit::lock(tx)?;
    let (name, key) = scope.parts();
    let before = pricing::find_policy(tx, name, key)?.map(|row| row.patch);
    tx.announce(Change::PriceInputs);
    let removed = pricing::delete_policy(tx, name, key)?;
    if removed {
        if *scope == PolicyScope::Store {
            price_events::freeze_changed(tx, (stops_prices(before.as_ref()), false), stamp.at)?;
        }
        let entry = stamp.entry("price_policy.cleared", scope.object(), before, None);
        audit::record(tx, &entry)?;
    }
    Ok(removed)
}

/// The settings that hold for one product, all layers applied. `None` when there is no product.
pub async fn effective_policy(store: &Store, sku: Sku) -> Result<Option<PricePolicy>, StoreError> {
    store
        .read(move |tx| {
            let Some(product) = catalog::find(tx, &sku)? else { return Ok(None) };
            Ok(Some(Layers::load(tx)?.resolve(&sku, product.category.as_deref())))
        })
        .await
}

fn check_products(
    tx: &mut Tx<'_>,
    scope: &PolicyScope,
    layers: &Layers,
    now: Timestamp,
) -> Result<(), PolicyChangeError> {
    let (name, key) = scope.parts();
    let mut after = String::new();
    loop {
        let of = match scope {
            PolicyScope::Sku(sku) => FactsOf::One(sku),
            _ => FactsOf::Page { after: &after, limit: CHECK_PAGE },
        };
        let page = pricing::facts(tx, of, now, now)?;
        for row in page.iter().filter(|row| applies(name, key, &row.sku, row.category.as_deref())) {
            let facts = PolicyFacts {
                base_minor: row.base_minor,
                cost_minor: row.cost_minor,
                map_minor: row.map_minor,
                currency: row.currency,
            };
            layers
                .resolve(&row.sku, row.category.as_deref())
                .validate(&facts)
                .map_err(|errors| PolicyChangeError::InvalidFor { sku: row.sku.clone(), errors })?;
        }
        match page.last() {
            Some(last) if !matches!(scope, PolicyScope::Sku(_)) => {
                last.sku.as_str().clone_into(&mut after);
            }
            _ => return Ok(()),
        }
    }
}

/// Stops every price of the store where it stands, or lets them move again. Leaves the other
/// settings of the store as they are.
pub fn set_freeze(tx: &mut Tx<'_>, frozen: bool, stamp: Stamp) -> Result<(), StoreError> {
    audit::lock(tx)?;
    let kept = pricing::find_policy(tx, "store", "")?;
    let mut patch = kept.map_or_else(|| serde_json::json!({}), |row| row.patch);
    if let Some(fields) = patch.as_object_mut() {
        fields.insert("freeze".to_owned(), frozen.into());
    }
    let action = if frozen { "prices.frozen" } else { "prices.unfrozen" };
    write_layer(tx, &PolicyScope::Store, patch, action, stamp)
}
