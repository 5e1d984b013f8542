//! Pages as pictures, for those whose text must be recognised: drawn by `hayro`, in grey, at the fineness of a good scan.
//!
//! Neither typefaces nor character maps come with the program that draws: what a page needs of them it brings itself, or
//! its text would have been read as text.

use std::panic::{AssertUnwindSafe, catch_unwind};

use hayro::hayro_interpret::InterpreterSettings;
use hayro::hayro_syntax::Pdf;
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{PixmapSettings, RenderCache, RenderSettings, render};

use crate::ingest::extract::{ExtractError, Hear, Heard, PartHead};

/// Dots per inch that recognition of text does best with.
const DOTS_PER_INCH: f32 = 300.0;
/// Points of a PDF in an inch.
const POINTS_PER_INCH: f32 = 72.0;
/// The most dots of one picture; a larger page is drawn coarser.
const DOTS_MAX: f32 = 20e6;
/// The longest side of a picture, in dots.
const SIDE_MAX: f32 = 20e3;
/// How much darker than the lightest dot the darkest must be for something to be seen, of 255.
const SEEN_FROM: u8 = 40;

/// Hands up `pages` of a PDF, counted from 1, each as a PGM picture, an empty one where nothing is to be seen.
///
/// Pages that are not there, or cannot be drawn, are left out.
pub(in crate::ingest) fn draw(bytes: Vec<u8>, pages: &[u32], hear: Hear<'_>) -> Result<(), ExtractError> {
    let damaged = |_| ExtractError::Damaged("its pages cannot be drawn".to_owned());
    let document = catch_unwind(AssertUnwindSafe(|| Pdf::new(bytes).map_err(|_| ()))).map_err(drop).flatten();
    let document = document.map_err(damaged)?;
    for &number in pages {
        // What one page has left behind in a cache after a panic must not reach the next.
        let drawn = catch_unwind(AssertUnwindSafe(|| picture(&document, number)));
        if let Ok(Some(picture)) = drawn {
            hear(Heard::Part { head: PartHead { name: String::new(), page: Some(number) }, bytes: &picture });
        }
    }
    Ok(())
}

/// The page as a PGM picture (`P5`, 8 bits of grey); empty where nothing is to be seen.
fn picture(document: &Pdf, number: u32) -> Option<Vec<u8>> {
    let page = document.pages().get(usize::try_from(number).ok()?.checked_sub(1)?)?;
    let (width, height) = page.render_dimensions();
    let scale = scale(width, height)?;
    let settings = PixmapSettings { x_scale: scale, y_scale: scale, bg_color: WHITE };
    let (cache, how) = (RenderCache::new(), RenderSettings::default());
    let drawn = render(page, &cache, &InterpreterSettings::default(), &how, &settings);
    let (mut lightest, mut darkest) = (u8::MIN, u8::MAX);
    let mut picture = format!("P5 {} {} 255\n", drawn.width(), drawn.height()).into_bytes();
    picture.reserve(drawn.data().len());
    for dot in drawn.data() {
        let grey = grey(dot.r, dot.g, dot.b);
        (lightest, darkest) = (lightest.max(grey), darkest.min(grey));
        picture.push(grey);
    }
    Some(if lightest.saturating_sub(darkest) < SEEN_FROM { Vec::new() } else { picture })
}

/// Dots for each point of a page of this size in points; `None` if it has none.
fn scale(width: f32, height: f32) -> Option<f32> {
    let finest = DOTS_PER_INCH / POINTS_PER_INCH;
    let scale = finest.min((DOTS_MAX / (width * height)).sqrt()).min(SIDE_MAX / width.max(height));
    (width * scale >= 1.0 && height * scale >= 1.0).then_some(scale)
}

/// How light a colour is. Source: ITU-R BT.601.
fn grey(red: u8, green: u8, blue: u8) -> u8 {
    let light = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
    u8::try_from(light / 1000).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::{DOTS_MAX, SIDE_MAX, grey, scale};

    #[test]
    fn a_page_is_drawn_as_fine_as_there_is_room() {
        assert_eq!(scale(612.0, 792.0), Some(300.0 / 72.0));
        let poster = scale(3370.0, 2384.0).expect("a poster has a size");
        assert!(3370.0 * 2384.0 * poster * poster <= DOTS_MAX * 1.001);
        let ribbon = scale(200_000.0, 10.0).expect("a ribbon has a size");
        assert!(200_000.0 * ribbon <= SIDE_MAX * 1.001);
        for (width, height) in [(0.0, 10.0), (f32::NAN, 10.0), (f32::INFINITY, 10.0), (-5.0, 10.0)] {
            assert_eq!(scale(width, height), None, "{width} by {height}");
        }
    }

    #[test]
    fn colours_are_as_grey_as_they_are_light() {
        assert_eq!((grey(255, 255, 255), grey(0, 0, 0), grey(255, 0, 0)), (255, 0, 76));
    }
}
