//! What an operator may do. Each role may do everything the ones before it may.

/// An operator's role, from the one that may least to the one that may everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Sees everything but operators, keys and the audit log; changes only the own account.
    ReadOnly,
    /// Changes prices, promotions, stock and orders, too.
    Staff,
    /// Manages operators, keys and settings, too.
    Owner,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::ReadOnly, Self::Staff, Self::Owner];

    /// The stored text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "read_only",
            Self::Staff => "staff",
            Self::Owner => "owner",
        }
    }

    /// Reads the stored text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// What people call it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::ReadOnly => "Read-only",
            Self::Staff => "Staff",
            Self::Owner => "Owner",
        }
    }

    /// Whether somebody with this role may do what `needed` may.
    pub fn may(self, needed: Self) -> bool {
        self >= needed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_do_what_the_ones_below_it_may() {
        use Role::{Owner, ReadOnly, Staff};
        let check = |role: Role, may: [bool; 3]| {
            assert_eq!([ReadOnly, Staff, Owner].map(|needed| role.may(needed)), may, "{role:?}");
        };
        check(ReadOnly, [true, false, false]);
        check(Staff, [true, true, false]);
        check(Owner, [true, true, true]);
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        assert_eq!(Role::parse("Owner"), None);
    }
}
