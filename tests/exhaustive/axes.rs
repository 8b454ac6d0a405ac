//! The axes of the table: what the decision depends on, each a small closed set of values.
//!
//! A value stands for its class. What else belongs to a class (all hosts of a cloud, all forms of a date, all malformed names of
//! a region) is the business of the tests of the part that reads it.

/// One axis.
pub(crate) trait Axis: Copy + Eq + 'static {
    /// Its place in [`NAMES`].
    const PLACE: usize;
    const ALL: &'static [Self];
}

macro_rules! axes {
    ($($place:literal $(#[$doc:meta])* $axis:ident { $($(#[$about:meta])* $value:ident,)+ })+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
            pub(crate) enum $axis { $($(#[$about])* $value,)+ }

            impl Axis for $axis {
                const PLACE: usize = $place;
                const ALL: &'static [Self] = &[$(Self::$value,)+];
            }
        )+

        /// The axes with their values, each in the place that it has.
        pub(crate) const NAMES: &[(&str, &[&str])] =
            &[$((stringify!($axis), &[$(stringify!($value),)+]),)+];
    };
}

axes! {
    0
    /// How the client proves itself.
    Credential {
        Secret,
        Certificate,
        CertificateProvider,
        CertificateWithClaims,
        StaticAssertion,
        /// Of strings. It is made to answer with a certificate every time, which must change nothing.
        AssertionProvider,
        PairProvider,
    }
    1
    /// Who issues the tokens: the kind of authority and, for Entra, the cloud.
    Authority {
        Public,
        China,
        /// An alias of old of the US government's cloud.
        Legacy,
        /// A host that nobody knows.
        Unknown,
        /// The same with the application's word for it.
        Listed,
        Common,
        Dsts,
        Adfs,
        B2c,
        Ciam,
        Oidc,
    }
    2
    /// The columns of the reference's table: PoP or not, `send_over_mtls` or not.
    Wish {
        Bearer,
        BearerOverMtls,
        Pop,
        PopOverMtls,
    }
    3
    /// The certificate of the credential, or what its provider returns at first.
    Certificate {
        Usable,
        /// None from a provider; no bytes in a configuration.
        Absent,
        /// Nobody holds its key.
        Keyless,
    }
    4
    /// Where the region comes from.
    Region {
        Unset,
        Named,
        Malformed,
        Discover,
    }
    5
    /// Whether mutual TLS needs a region.
    Policy {
        Required,
        Optional,
    }
    6
    /// Whether Bearer tokens are kept by certificate.
    Isolation {
        Shared,
        PerCertificate,
    }
    7
    /// What the cache holds. "Own": of the kind and over the certificate that the request is about.
    Remembered {
        Nothing,
        /// Own, with 301 s left.
        Fresh,
        /// Own, and past its `refresh_in`.
        Due,
        /// Own, with 300 s left.
        Ending,
        /// Of the kind that the request is about, over another certificate.
        OtherCertificate,
        /// Over the request's certificate, of the other kind.
        OtherKind,
    }
    8
    /// How the wall clock jumped since the token was remembered that is found.
    Clock {
        Steady,
        /// By a day; certificate A ends before that.
        Forward,
        /// By a day.
        Back,
    }
    9
    /// What the instance metadata service answers.
    Discovery {
        Finds,
        /// A name that no region has, which a URL parser would make another host of.
        FindsNonsense,
    }
    10
    /// What Entra answers about an unknown host, or what an OpenID provider's document says.
    Instance {
        Vouches,
        /// An error; an endpoint on somebody else's host.
        Denies,
    }
    11
    /// Which attempt gets the answer: the first (a second one is granted), or the second (the first is answered 500).
    Attempt {
        First,
        Second,
    }
    12
    /// What a provider returns the second time: always another pair.
    Rotation {
        /// Another certificate, where there was one.
        Renewed,
        /// None where there was one, one where there was none.
        Reversed,
    }
    13
    /// What the service answers, or what becomes of the connection.
    Response {
        Granted,
        /// The kind in other letters.
        GrantedInCapitals,
        OtherKind,
        EmptyKind,
        NoKind,
        LifeOfZero,
        /// Ten digits of seconds.
        LifeOfCenturies,
        Page,
        Compressed,
        Redirect,
        Refused,
        GaveUp408,
        Throttled429,
        Throttled429For5Seconds,
        Throttled429ForAnHour,
        Broken500,
        Busy503For5Seconds,
        Busy503ForAnHour,
        /// A date: five seconds after the flow began, by the clock as it was then.
        Busy503UntilADate,
        Connect,
        Closed,
        Timeout,
        Tls,
        TooLarge,
        CertificateNotRequested,
        CertificateRejected,
    }
}

impl Wish {
    pub(crate) fn is_pop(self) -> bool {
        matches!(self, Self::Pop | Self::PopOverMtls)
    }

    pub(crate) fn over_mtls(self) -> bool {
        matches!(self, Self::BearerOverMtls | Self::PopOverMtls)
    }
}

#[test]
fn every_axis_is_in_its_place() {
    let places = [
        Credential::PLACE,
        Authority::PLACE,
        Wish::PLACE,
        Certificate::PLACE,
        Region::PLACE,
        Policy::PLACE,
        Isolation::PLACE,
        Remembered::PLACE,
        Clock::PLACE,
        Discovery::PLACE,
        Instance::PLACE,
        Attempt::PLACE,
        Rotation::PLACE,
        Response::PLACE,
    ];
    assert!(places.iter().copied().eq(0..NAMES.len()));
}
