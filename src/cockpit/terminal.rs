//! The operator's terminal: taken over, drawn on, given back. It is given back on every way out: quit, error, panic, signal.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use ratatui::crossterm::event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture};
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode, size,
};
use ratatui::crossterm::{cursor, execute};

use super::canvas::Canvas;
use super::model::Model;

/// A whole frame of a large terminal goes out in one piece, in bytes.
const FRAME: usize = 64 * 1_024;

/// The terminal is ours: whoever gives it back first does it for all.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal while it is ours.
pub struct Screen {
    canvas: Canvas<BufWriter<Stdout>>,
    mouse: bool,
}

impl Screen {
    /// Takes the terminal over.
    pub fn take(mouse: bool) -> io::Result<Self> {
        if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
            return Err(io::Error::other("standard input and output are no terminal"));
        }
        give_back_on_panic();
        let mut screen = Screen { canvas: Canvas::new(BufWriter::with_capacity(FRAME, io::stdout())), mouse };
        screen.retake()?;
        Ok(screen)
    }

    /// Takes it again after [`Screen::leave`].
    pub fn retake(&mut self) -> io::Result<()> {
        TAKEN.store(true, Ordering::SeqCst);
        enable_raw_mode()?;
        execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste, cursor::Hide)?;
        if self.mouse {
            execute!(io::stdout(), EnableMouseCapture)?;
        }
        self.clear()
    }

    /// Gives it back for a while.
    pub fn leave(&mut self) {
        give_back();
    }

    /// The next frame is drawn whole.
    pub fn clear(&mut self) -> io::Result<()> {
        self.canvas.clear(self.size())
    }

    /// Columns and rows.
    pub fn size(&self) -> (u16, u16) {
        size().unwrap_or((0, 0))
    }

    /// Draws the model: only the cells that differ from the last frame go out.
    pub fn draw(&mut self, model: &Model) -> io::Result<()> {
        if model.size.0 == 0 || model.size.1 == 0 {
            return Ok(());
        }
        #[cfg(debug_assertions)]
        panic_where_a_test_asks_for_it();
        self.canvas.draw(model)
    }

    /// Draws what the clock alone has changed in it.
    pub fn age(&mut self, model: &Model) -> io::Result<()> {
        self.canvas.age(model)
    }

    /// Puts a text into the terminal's clipboard (OSC 52), where it allows that.
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        execute!(io::stdout(), ratatui::crossterm::clipboard::CopyToClipboard::to_clipboard_from(text))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// For the test that a panic gives the terminal back; no release has it.
#[cfg(debug_assertions)]
fn panic_where_a_test_asks_for_it() {
    let asked = std::env::var_os("FLIGHTDECK_TEST_PANIC").is_some_and(|file| std::path::Path::new(&file).exists());
    assert!(!asked, "a panic was asked for");
}

/// Everything as it was: modes off, main screen, cursor on. Every error is passed over, since the terminal may be gone.
fn give_back() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = io::stdout();
    let _ = execute!(out, DisableMouseCapture, DisableBracketedPaste, LeaveAlternateScreen, cursor::Show);
    let _ = disable_raw_mode();
    let _ = out.flush();
}

/// A panic is told on a terminal that can be read.
fn give_back_on_panic() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        give_back();
        before(panic);
        // The loop ends by unwinding; without one of its threads it would go on, half blind, on a terminal that is not its own.
        if std::thread::current().name() != Some("main") {
            std::process::exit(101);
        }
    }));
}
