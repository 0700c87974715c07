//! The pages as a person meets them: a real browser on the real demo, on a phone and on a desktop,
//! light and dark, with a keyboard, and without JavaScript.
//!
//! One demo serves all tests, since filling it takes longer than they do, so this binary has a
//! `main` of its own that ends it. Without a browser it says so and tests nothing, unless one is
//! required. Every test ends with a quiet console: no error, and nothing the page's own policy
//! had to block.

// Helpers outside a test may unwrap too: a panic is how a test fails.
#![allow(clippy::unwrap_used)]

mod docs;
mod keyboard;
mod live;
mod looks;
mod prices;
mod product;
mod shop;
mod sign_in;
mod webdriver;
mod window;
mod without_scripts;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::shop::Shop;
use crate::window::{Browser, Scripts, Window};

/// A test: what it says, whether pages may run their module, and what it does in its window.
struct Test {
    name: &'static str,
    scripts: Scripts,
    run: fn(&Window<'_>),
}

/// Tests named after their functions.
macro_rules! tests {
    ($scripts:expr; $($function:path),+ $(,)?) => {
        [$(Test { name: stringify!($function), scripts: $scripts, run: $function }),+]
    };
}

/// What needs a shop that no test has touched yet.
fn first() -> Vec<Test> {
    tests![Scripts::Run; looks::every_page_is_pictured_in_every_look].into()
}

fn others() -> Vec<Test> {
    let with_scripts = tests![Scripts::Run;
        // The slowest first.
        live::a_price_that_moves_is_shown_without_a_reload,
        live::a_shop_that_does_not_answer_is_told_and_found_again,
        looks::nothing_scrolls_sideways_at_any_width,
        looks::the_theme_button_goes_round_and_its_choice_survives_a_reload,
        looks::without_a_choice_the_system_chooses_the_theme,
        looks::what_the_page_may_not_run_is_heard_on_the_console,
        prices::each_row_shows_what_it_costs_how_that_moved_and_why,
        prices::a_search_narrows_the_list_and_is_kept_in_the_address,
        prices::a_search_that_finds_nothing_leads_back_to_everything,
        prices::a_filter_and_an_order_change_the_address_and_the_rows,
        prices::the_next_page_goes_on_and_the_one_before_comes_back,
        sign_in::the_printed_link_makes_the_owner_who_signs_out_and_in_again,
        sign_in::a_wrong_password_is_told_and_after_five_one_waits,
        sign_in::a_form_without_its_token_is_refused_with_a_page,
        sign_in::a_session_that_is_ended_elsewhere_leads_to_sign_in,
        sign_in::every_page_of_the_settings_is_pictured_in_every_look,
        product::a_row_leads_to_its_product,
        product::the_steps_add_up_to_the_price,
        product::the_past_is_drawn_and_listed,
        product::what_does_not_exist_is_said_with_a_way_out,
        docs::an_entry_of_the_contents_lands_on_its_operation,
        docs::a_problem_type_lands_on_its_error,
        keyboard::a_slash_begins_a_search_and_escape_leaves_it,
        keyboard::a_question_mark_opens_the_shortcuts_and_escape_closes_them,
        keyboard::letters_turn_the_pages_but_not_while_one_types,
        keyboard::the_first_tab_skips_to_the_content,
    ];
    let without_scripts = tests![Scripts::Blocked;
        without_scripts::the_list_is_searched_filtered_ordered_and_turned,
        without_scripts::a_product_and_the_docs_are_whole,
        sign_in::keys_operators_and_the_log_are_used_without_scripts,
    ];
    with_scripts.into_iter().chain(without_scripts).collect()
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let Some(browser) = Browser::from_environment() else {
        let is_required = std::env::var_os("SHOPWRIGHT_REQUIRE_BROWSER").is_some();
        eprintln!("browser tests need SHOPWRIGHT_TEST_WEBDRIVER_URL; `cargo xtask test` sets it");
        return if is_required && !arguments.list { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    };
    // Listing them needs no shop.
    let shop = (!arguments.list).then(|| Arc::new(Shop::open()));
    let browser = Arc::new(browser);
    let trial = |test: Test| {
        let (browser, shop) = (Arc::clone(&browser), shop.clone());
        Trial::test(test.name, move || {
            let Some(shop) = &shop else { return Err(Failed::without_message()) };
            let window = Window::open(&browser, shop, test.scripts);
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                (test.run)(&window);
                window.assert_quiet(&[]);
            }));
            if let Err(panic) = result {
                window.picture(&format!("failed-{}", test.name.replace("::", "-")));
                std::panic::resume_unwind(panic);
            }
            Ok(())
        })
    };
    let run = |tests: Vec<Test>| {
        libtest_mimic::run(&arguments, tests.into_iter().map(trial).collect()).has_failed()
    };
    let failed = [run(first()), run(others())];
    if failed.contains(&true) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
